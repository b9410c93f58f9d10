package policy

import "strconv"

// MSS is how large the segments are at most that TCP connections agree on. The zero value leaves it to them.
type MSS uint16

// MSSClamp is what `mss: clamp` means: what fits into the routes' MTU.
const MSSClamp MSS = 1

// The least and the most that `mss` may be: what IPv4 must carry (RFC 9293, 3.7.1), and what 16 bits hold less headers.
const (
	LeastMSS = 536
	MostMSS  = 65495
)

// String returns it as policies write it; "" for the zero value.
func (m MSS) String() string {
	switch m {
	case 0:
		return ""
	case MSSClamp:
		return "clamp"
	}
	return strconv.Itoa(int(m))
}

// ZoneMSS is what a zone's connections have: the gateway's where the zone says nothing.
func (p *Policy) ZoneMSS(z *Zone) MSS {
	if z.MSS != 0 {
		return z.MSS
	}
	return p.Gateway.MSS
}
