package policy

import (
	"slices"
	"strconv"

	"github.com/snatctl/snatctl/inet"
)

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

// segments says how large the connection's segments may be: those of a service that translates or is by
// mark, or to what is mapped, as the gateway says, all others as the first zone without conditions that has the source.
// Those of the gateway itself have no limit, but where services have a SYN proxy, which speaks in clients' names: calls
// of services then do.
func (d *decider) segments() {
	changed := len(d.DNAT) > 1 || len(d.DNAT) == 1 && d.DNAT[0] != d.pkt.To
	if d.pkt.Proto != inet.TCP || d.pkt.Invalid || d.Verdict != Accept || d.pkt.Self && !(changed && d.policy.ProxiesSyn()) {
		return
	}
	d.MSS = d.policy.Gateway.MSS
	translated := changed || slices.ContainsFunc(d.policy.Services, func(s Service) bool { return s.ByMark() && s.Name == d.Service })
	for i := range d.policy.Zones {
		z := &d.policy.Zones[i]
		if translated || z.Conditional() || !z.HasSource(d.pkt.From.Addr()) {
			continue
		}
		if z.MSS != 0 {
			d.MSS = z.MSS
		}
		break
	}
	if d.MSS != 0 {
		why := d.Reason
		d.say("mss: %s", d.MSS)
		d.Reason = why
	}
}
