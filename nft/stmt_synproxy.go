package nft

import "fmt"

// Statements of SYN proxies: what opens a connection passes conntrack by, and is answered.
type (
	// TCPSyn matches TCP segments that open a connection: SYN without ACK, FIN or RST.
	TCPSyn struct{}
	// CtStray matches packets that belong to no flow: those that passed conntrack by, and those
	// that it can assign to none.
	CtStray struct{}
	// NoTrack makes a packet pass conntrack by. It is for hooks in front of conntrack only
	// (net/netfilter/nft_ct.c, nft_notrack_validate).
	NoTrack struct{}
	// AnswerSyn answers a handshake in a server's stead, by a cookie, and opens the connection to
	// the server when the client has returned it; other TCP segments are dropped. A packet that is
	// no TCP goes on. It is for the hooks input and forward (net/netfilter/nft_synproxy.c).
	AnswerSyn struct{ Offer Handshake }
)

// Handshake is what a SYN proxy offers to clients: what the servers behind it can do.
type Handshake struct {
	MSS       uint16 // bytes: the server's maximum segment size
	WScale    uint8  // the server's window scale, 0 to 14
	Timestamp bool   // the server uses timestamps
	SackPerm  bool   // the server permits selective acknowledgements
}

func (TCPSyn) stmt()    {}
func (CtStray) stmt()   {}
func (NoTrack) stmt()   {}
func (AnswerSyn) stmt() {}

func (TCPSyn) String() string  { return "tcp flags syn / fin,syn,rst,ack" }
func (CtStray) String() string { return "ct state invalid,untracked" }
func (NoTrack) String() string { return "notrack" }

func (s AnswerSyn) String() string {
	text := fmt.Sprintf("synproxy mss %d wscale %d", s.Offer.MSS, s.Offer.WScale)
	if s.Offer.Timestamp {
		text += " timestamp"
	}
	if s.Offer.SackPerm {
		text += " sack-perm"
	}
	return text
}
