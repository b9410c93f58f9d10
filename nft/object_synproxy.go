package nft

import "fmt"

// SynProxy answers TCP handshakes in a server's stead, and opens the connection to the server
// only when the client has answered (net/netfilter/nft_synproxy.c). Its settings are what the
// servers behind it can do.
type SynProxy struct {
	Name      string
	Comment   string
	MSS       uint16 // bytes; the server's maximum segment size
	WScale    uint8  // the server's window scale, 0 to 14
	Timestamp bool   // the server uses timestamps
	SackPerm  bool   // the server permits selective acknowledgements
}

var synProxyWords = objectWords{block: "synproxy", use: "synproxy name", maps: true}

// Ref returns kind and name.
func (o SynProxy) Ref() Ref { return Ref{KindSynProxy, o.Name} }

// Remark returns the comment.
func (o SynProxy) Remark() string { return o.Comment }

func (o SynProxy) settings() []string {
	out := []string{fmt.Sprintf("mss %d", o.MSS), fmt.Sprintf("wscale %d", o.WScale)}
	switch {
	case o.Timestamp && o.SackPerm:
		return append(out, "timestamp sack-perm")
	case o.Timestamp:
		return append(out, "timestamp")
	case o.SackPerm:
		return append(out, "sack-perm")
	}
	return out
}

// Bare returns what is compared.
func (o SynProxy) Bare() Object { return o }
