package nft

// NamedCounter counts the packets of all rules that use it.
type NamedCounter struct {
	Name    string
	Comment string
	Packets uint64 // what it has counted; only ever read from a kernel, never compared
	Bytes   uint64 // of those packets
}

var counterWords = objectWords{block: "counter", use: "counter name", maps: true}

// Ref returns kind and name.
func (o NamedCounter) Ref() Ref { return Ref{KindCounter, o.Name} }

// Remark returns the comment.
func (o NamedCounter) Remark() string { return o.Comment }

func (o NamedCounter) settings() []string { return nil }

// Bare returns what is compared.
func (o NamedCounter) Bare() Object {
	o.Packets, o.Bytes = 0, 0
	return o
}
