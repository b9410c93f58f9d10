package policy

import "github.com/snatctl/snatctl/inet"

// Pool is a set of laddrs: a named one of the section `laddrs`, or one written in line
// at a zone or service, which has no name.
type Pool struct {
	Where
	Name   string // empty for a pool written in line
	Laddrs []Laddr
	Ports  inet.PortRange // source ports that may be used; zero: the kernel's choice
	Random bool           // randomized source ports (RFC 6056)
	Block  int            // ports in a source's fixed block (RFC 7422); 0: shared ports
	Slices []Slice        // what each node has of it, in the order written; none: all nodes share it. Laddrs are those of all slices, or after At of one
	Need   uint64         // connections to one destination that must be left if a node fails; 0: nobody said
}

// Ranges returns the pool's addresses of one family that new connections may get, sorted,
// adjacent ranges joined. An address with weight 0 gets none, even where it is listed twice.
func (p *Pool) Ranges(f inet.Family) []inet.Range {
	if p == nil {
		return nil
	}
	var rs, drained []inet.Range
	for _, l := range p.Laddrs {
		switch {
		case l.Range.Family() != f:
		case l.Weight == 0:
			drained = append(drained, l.Range)
		default:
			rs = append(rs, l.Range)
		}
	}
	if len(drained) > 0 {
		return inet.Subtract(rs, drained)
	}
	return inet.Merge(rs)
}

// Laddr is one entry of a pool.
type Laddr struct {
	Pos    Pos
	Range  inet.Range
	Weight int  // share of new connections of each of its addresses; 1 unless written, 0: keeps its flows, gets no new ones
	Prefix bool // written as a prefix; a range that could be one is none
}

// Select is how a connection's laddr is chosen from its pool.
type Select string

// The selections.
const (
	SelectSource            Select = "source" // default: a source keeps its laddr (RFC 4787 REQ-2, paired)
	SelectSourceDestination Select = "source-destination"
	SelectFlow              Select = "flow" // 5-tuple
	SelectRoundRobin        Select = "round-robin"
	SelectRandom            Select = "random"
)
