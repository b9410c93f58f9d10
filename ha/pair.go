package ha

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/policy"
)

// Ends are the addresses of both nodes of a pair on one network.
type Ends struct {
	Interface string // on both nodes
	Own, Peer netip.Addr
}

// Moving is an address that the primary has.
type Moving struct {
	Interface string
	Prefix    netip.Prefix
}

// mostMoving is how many addresses keepalived is told to move. It sets one by one, and sends word of each.
const mostMoving = 1000

// Addresses returns which of a policy's VIPs and laddrs move, each on an interface; "": they are routed to the
// pair, and do not move. An address that moves already, or lies twice in the policy, is not there again.
func Addresses(p *policy.Policy, vips, laddrs string, have []Moving) ([]Moving, error) {
	seen := make(map[netip.Addr]bool)
	for _, m := range have {
		seen[m.Prefix.Addr()] = true
	}
	add := func(iface string, a netip.Addr) {
		if !seen[a] {
			seen[a] = true
			have = append(have, Moving{iface, netip.PrefixFrom(a, a.BitLen())})
		}
	}
	for i := range p.Services {
		for _, a := range p.Services[i].VIP {
			if vips != "" {
				add(vips, a)
			}
		}
	}
	for i := range p.Laddrs {
		for _, l := range p.Laddrs[i].Laddrs {
			for a := l.Range.From; laddrs != "" && len(have) <= mostMoving; a = a.Next() {
				add(laddrs, a)
				if a == l.Range.To {
					break
				}
			}
		}
	}
	if len(have) > mostMoving {
		return nil, fmt.Errorf("more than %d addresses would move with the primary: route them to the pair's address instead", mostMoving)
	}
	return have, nil
}

// Helpers returns what conntrackd calls the kernel's helpers whose expectations a policy needs, and the
// policy's helpers that it does not know.
func Helpers(p *policy.Policy) (known, unknown []string) {
	in := make(map[string]bool)
	for i := range p.Services {
		for _, w := range p.Services[i].Helpers {
			in[string(w.Helper)] = true
		}
	}
	for i := range p.Zones {
		for _, w := range p.Zones[i].Helpers {
			in[string(w.Helper)] = true
		}
	}
	for _, h := range policy.Helpers {
		switch names, ok := synced[h]; {
		case !in[string(h)]:
		case ok:
			known = append(known, names...)
		default:
			unknown = append(unknown, string(h))
		}
	}
	return known, unknown
}

// synced are the helpers whose expectations conntrackd knows (conntrackd.conf(5), ExpectationSync).
var synced = map[policy.Helper][]string{
	policy.FTP:  {"ftp"},
	policy.SIP:  {"sip"},
	policy.H323: {"ras", "q.931", "h.245"},
}

// VRRP is what keepalived of a node is told.
type VRRP struct {
	Node     string
	Ends     Ends
	ID       int // of the virtual router, 1 to 255; the same on both nodes
	Priority int // 1 to 254; who has the higher one wins where both begin, or have been primary, at the same time
	Interval time.Duration
	Moving   []Moving
	Notify   string // the command that is called, before the role: "/usr/bin/snatctl ha notify"
}

// Sync is what conntrackd of a node is told.
type Sync struct {
	Node    string
	Ends    Ends
	Ignored []netip.Addr // addresses of the nodes themselves: connections with them are not handed on
	Flows   int          // that it can hold of each node
	Helpers []string     // as conntrackd calls them
}
