package nft

import "fmt"

// Statements about the size of TCP segments.
type (
	// TCPOpens matches the segments in which each side says how large segments it takes: SYN and SYN-ACK.
	TCPOpens struct{}
	// LowerMSS lowers that size, and never raises it (net/netfilter/nft_exthdr.c, nft_exthdr_tcp_set_eval).
	LowerMSS struct {
		To uint16 // bytes; 0: what fits into the MTU of the routes to both sides
	}
)

func (TCPOpens) stmt() {}
func (LowerMSS) stmt() {}

func (TCPOpens) String() string { return "tcp flags syn / syn,rst" }

func (s LowerMSS) String() string {
	if s.To == 0 {
		return "tcp option maxseg size set rt mtu"
	}
	return fmt.Sprintf("tcp option maxseg size set %d", s.To)
}
