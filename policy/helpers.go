package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// Helper is a protocol whose control connections the kernel can read: what they speak of are
// connections, too, which it then expects, translates and lets belong to the control connection.
type Helper string

// The helpers.
const (
	FTP  Helper = "ftp"  // RFC 959, RFC 2428: the data connections, active and passive
	TFTP Helper = "tftp" // RFC 1350: the answers, which come from another port
	SIP  Helper = "sip"  // RFC 3261: the media that SDP speaks of, and calls toward who registered
	PPTP Helper = "pptp" // RFC 2637: the GRE tunnel
	H323 Helper = "h323" // ITU-T H.323: Q.931 and H.245, and the media
)

// Helpers are all of them.
var Helpers = []Helper{FTP, TFTP, SIP, PPTP, H323}

// Watched is a helper as it is assigned: to its own ports, or to others.
type Watched struct {
	Pos    Pos
	Helper Helper
	Ports  inet.PortRange // zero: its own, or what the service has instead
}

// String returns it as policies write it: "ftp", or "ftp/2121".
func (w Watched) String() string {
	if w.Ports.IsZero() {
		return string(w.Helper)
	}
	return string(w.Helper) + "/" + w.Ports.String()
}

// Control is a protocol and ports whose connections one of the kernel's helpers reads.
type Control struct {
	Helper Helper
	Kernel string      // the helper's name in the kernel, which has one for each part of H.323
	Proto  inet.Proto  // of the connections
	Family inet.Family // of the connections; zero: both
	Ports  inet.PortRange
}

// Name tells the kernel's helpers apart: "ftp", "sip" for UDP and "sip-tcp", "h323-ras".
func (c Control) Name() string {
	switch {
	case c.Kernel == "RAS":
		return string(c.Helper) + "-ras"
	case c.Helper == SIP && c.Proto == inet.TCP:
		return string(c.Helper) + "-tcp"
	}
	return string(c.Helper)
}

// kernelHelpers are the kernel's helpers, with the ports that their protocols are for
// (net/netfilter/nf_conntrack_*.c). The kernel translates PPTP and H.323 for IPv4 alone
// (nf_nat_pptp, nf_nat_h323).
var kernelHelpers = []Control{
	{FTP, "ftp", inet.TCP, 0, inet.PortRange{First: 21, Last: 21}},
	{TFTP, "tftp", inet.UDP, 0, inet.PortRange{First: 69, Last: 69}},
	{SIP, "sip", inet.UDP, 0, inet.PortRange{First: 5060, Last: 5060}},
	{SIP, "sip", inet.TCP, 0, inet.PortRange{First: 5060, Last: 5060}},
	{PPTP, "pptp", inet.TCP, inet.V4, inet.PortRange{First: 1723, Last: 1723}},
	{H323, "Q.931", inet.TCP, inet.V4, inet.PortRange{First: 1720, Last: 1720}},
	{H323, "RAS", inet.UDP, inet.V4, inet.PortRange{First: 1719, Last: 1719}},
}

// KernelHelpers returns the kernel's helpers, each at its own port.
func KernelHelpers() []Control { return slices.Clone(kernelHelpers) }

// follows tells whether other ports than its own can be the helper's: gatekeepers of H.323 have theirs.
func (c Control) follows() bool { return c.Kernel != "RAS" }

// OwnPorts returns the protocols and ports of a helper where nobody says others: "tcp/21".
func (h Helper) OwnPorts() string {
	var out []string
	for _, c := range kernelHelpers {
		if c.Helper == h {
			out = append(out, inet.ProtoPorts{Proto: c.Proto, Ports: c.Ports}.String())
		}
	}
	return strings.Join(out, " and ")
}

// Controls returns which of the zone's connections helpers read, by protocol and destination port.
func (z *Zone) Controls() []Control {
	var limits []inet.ProtoPorts
	if len(z.Ports) > 0 {
		limits = z.Ports
	}
	return controls(z.Helpers, limits, false)
}

// Controls returns which of the service's connections helpers read, by protocol and the port that
// clients call. A helper whose own ports the service does not have gets all that it has of the
// protocol.
func (s *Service) Controls() []Control { return controls(s.Helpers, s.Ports, true) }

func controls(watched []Watched, limits []inet.ProtoPorts, spread bool) (out []Control) {
	for _, w := range watched {
		found := w.controls(limits, false)
		if len(found) == 0 && spread && w.Ports.IsZero() {
			found = w.controls(limits, true)
		}
		out = append(out, found...)
	}
	return disjoint(out)
}

// disjoint joins ranges of one helper that overlap, and sorts by protocol and ports.
func disjoint(list []Control) []Control {
	slices.SortFunc(list, func(a, b Control) int {
		return cmp.Or(cmp.Compare(a.Kernel, b.Kernel), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Ports.First, b.Ports.First))
	})
	out := list[:0]
	for _, c := range list {
		if n := len(out) - 1; n >= 0 && out[n].Kernel == c.Kernel && out[n].Proto == c.Proto && int(c.Ports.First) <= int(out[n].Ports.Last)+1 {
			out[n].Ports.Last = max(out[n].Ports.Last, c.Ports.Last)
		} else {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Control) int {
		return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Ports.First, b.Ports.First), cmp.Compare(a.Kernel, b.Kernel))
	})
	return out
}

// controls returns what is read within limits: all, if there are none. With all it is every port
// that they have of the protocol.
func (w Watched) controls(limits []inet.ProtoPorts, all bool) (out []Control) {
	for _, c := range kernelHelpers {
		if c.Helper != w.Helper || !c.follows() && (all || !w.Ports.IsZero()) {
			continue
		}
		if !w.Ports.IsZero() {
			c.Ports = w.Ports
		}
		if limits == nil {
			out = append(out, c)
			continue
		}
		for _, l := range limits {
			both := inet.PortRange{First: max(c.Ports.First, l.Ports.First), Last: min(c.Ports.Last, l.Ports.Last)}
			if all {
				both = l.Ports
			}
			if l.Proto == c.Proto && both.First <= both.Last {
				one := c
				one.Ports = both
				out = append(out, one)
			}
		}
	}
	return out
}
