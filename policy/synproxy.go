package policy

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// SynProxy says that the gateway answers TCP handshakes of a service itself, by a cookie, and opens
// the connection to a real server only when the client has returned it. What it offers to clients
// is what all real servers must be able to do: nobody has asked the one that will be chosen yet.
// The zero value is none.
type SynProxy struct {
	On        bool
	MSS       int  // bytes: the largest segment that real servers take over IPv4; over IPv6 it is 20 less
	WScale    int  // the window scale of real servers, 0 to 14 (RFC 7323)
	Timestamp bool // real servers use timestamps; without them the cookie has no room for window scale and SACK
	Sack      bool // real servers take selective acknowledgements
}

// Offers returns what clients of one family are offered. Without timestamps that is the segment size
// alone (net/netfilter/nft_synproxy.c, nft_synproxy_tcp_options).
func (s SynProxy) Offers(f inet.Family) SynProxy {
	s.MSS -= f.HeaderLen() - inet.V4.HeaderLen()
	if !s.Timestamp {
		s.WScale, s.Sack = 0, false
	}
	return s
}

// ProxiesSyn tells whether some service has a SYN proxy.
func (p *Policy) ProxiesSyn() bool {
	return slices.ContainsFunc(p.Services, func(s Service) bool { return s.SynProxy.On })
}
