package lint

import (
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Facts are parts of a Host, as a set. The zero value is none.
type Facts uint16

// The parts of a Host beside its sysctls, which rules name one by one.
const (
	Interfaces Facts = 1 << iota
	Routes
	Listeners
	Chains
	Units
	Neighbours
	Siblings
	Files  // of health checks
	Names  // of hosts, that health checks send
	Laddrs // Withdrawn: the table in force and its flows
	Lacks  // Kernel and Missing: the table has to be tried on the kernel
)

// Needs is what a rule about hosts looks at. What it does not name stays unread.
type Needs struct {
	Facts   Facts
	Sysctls []string // keys of Host.Sysctls; an asterisk matches a part, or some of one
}

// HostRules returns the rules that could find something about a policy on a host, in the order
// of their codes. If a policy has no services, for example, no rule needs the listeners.
func HostRules(p *policy.Policy) []Rule {
	r := newRun(p)
	return slices.DeleteFunc(Rules(), func(rule Rule) bool {
		return rule.live == nil || rule.about != nil && !rule.about(r)
	})
}

// ForwardingKey is the sysctl that lets the kernel forward a family (ip-sysctl.rst).
func ForwardingKey(f inet.Family) string {
	if f == inet.V6 {
		return "net/ipv6/conf/all/forwarding"
	}
	return "net/ipv4/ip_forward"
}

// AccountingKeys are the sysctls without which reports lack bytes, times and the ends of old
// flows (nf_conntrack-sysctl.rst).
func AccountingKeys() []string {
	return []string{"net/netfilter/nf_conntrack_acct", "net/netfilter/nf_conntrack_timestamp", "net/netfilter/nf_conntrack_events"}
}

// conntrackSizes are the sysctls of which Host.Conntrack is made.
var conntrackSizes = []string{"net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max", "net/netfilter/nf_conntrack_buckets"}

func forwardingKeys() (keys []string) {
	for _, f := range inet.Families {
		keys = append(keys, ForwardingKey(f))
	}
	return keys
}

func timeoutKeys() (keys []string) {
	for _, t := range timeouts() {
		keys = append(keys, t.key())
	}
	return keys
}

// dotted writes a sysctl as sysctl(8) does, where no part has dots of its own.
func dotted(key string) string { return strings.ReplaceAll(key, "/", ".") }

// What a policy has to have for rules about hosts to find something.

func hasZones(r *run) bool    { return len(r.Zones) > 0 }
func hasServices(r *run) bool { return len(r.Services) > 0 }

// needsHome tells whether there are laddrs, and apply makes them no addresses of the host.
func needsHome(r *run) bool { return len(r.given()) > 0 && !r.seesToAddresses() }

// seesToAddresses tells whether apply does: gateway.addresses.
func (r *run) seesToAddresses() bool { return r.Gateway.Addresses.Mode.OnHost() }

// hasNATServices leaves out services that say that nobody calls beside their real servers.
func hasNATServices(r *run) bool {
	return slices.ContainsFunc(r.Services, func(s policy.Service) bool {
		return s.Mode == policy.NAT && len(s.RealServers) > 0 && (!s.Has("hairpin") || !s.Hairpin.IsZero())
	})
}

func hasPorts(r *run) bool {
	return slices.ContainsFunc(r.pools(), func(p owned) bool { return !p.Ports.IsZero() })
}

func leavesForwarding(r *run) bool { return !r.Gateway.Forwarding }

// wantsInterfaces tells whether some name should be that of an interface.
func wantsInterfaces(r *run) bool { return namesInterfaces(r) || r.Gateway.Addresses.Interface != "" }

// hasInterfaceVIPs tells whether addresses of interfaces are VIPs.
func hasInterfaceVIPs(r *run) bool { return len(r.Policy.Interfaces()) > 0 }

func namesInterfaces(r *run) bool {
	return len(r.Gateway.Uplinks) > 0 || slices.ContainsFunc(r.Zones, func(z policy.Zone) bool { return len(z.IIf)+len(z.OIf) > 0 })
}
