package law

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// dialled are the VIPs that are written as the addresses of an interface.
var dialled = []netip.Addr{addr(vips, inet.V4, 3), addr(vips, inet.V6, 3)}

func writeVIP(a netip.Addr) string {
	if slices.Contains(dialled, a) {
		return fmt.Sprintf("{interface: dsl0, family: %d}", inet.FamilyOf(a))
	}
	return fmt.Sprintf("%q", a)
}

// Parse reads a policy of Policy or New, for a host that has the interfaces which it names.
func Parse(yaml []byte) (*policy.Policy, policy.Diagnostics) {
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: yaml}})
	if p == nil {
		return nil, ds
	}
	return p.Resolve(policy.Facts{Addrs: map[string][]netip.Addr{"dsl0": dialled}})
}

// service draws a service; what it must not combine is taken out later (see Policy).
func (g *maker) service() string {
	var b strings.Builder
	ranges := true // of ports: then all real servers have a port, or none
	if g.often(15) {
		b.WriteString(", mark: " + g.pick("7", "7", "8", "300", "16777215"))
	} else {
		ranges = g.fronts(&b)
	}
	scheduler := g.pick("", "rr", "rr", "wrr", "wrr", "random", "sh", "dh", "lc", "wlc")
	if g.often(4) {
		scheduler = "mh" // long tables
	}
	if scheduler != "" {
		b.WriteString(", scheduler: " + scheduler)
	}
	persistent := g.often(30)
	if persistent {
		b.WriteString(", persistence: " + g.pick("60s", "60s", "300s", "{timeout: 60s, mask4: 24, mask6: 64}", "{timeout: 5m, mask4: 31, mask6: 127}", "{timeout: 60s, mask4: 1}", "{timeout: 60s, mask6: 1}", "{timeout: 61s, mask4: 30}"))
	}
	if g.often(20) {
		b.WriteString(g.limits(g.pick("", "drop", "reject")))
	}
	if g.often(15) {
		b.WriteString(", allow: " + g.ranges(10, clients, neighbours, outside))
	}
	if g.often(15) {
		b.WriteString(", deny: " + g.ranges(5, clients, neighbours, outside))
	}
	if n := g.IntN(6); n > 0 {
		fmt.Fprintf(&b, ", real_servers: [%s]", g.realServers(n, scheduler, persistent, ranges))
	}
	b.WriteString(g.pick("", "", ", on_empty: reject", ", on_empty: drop", ", on_empty: pass"))
	b.WriteString(g.timeouts(15))
	if g.often(25) && strings.Contains(b.String(), "tcp/") {
		b.WriteString(", syn_proxy: " + g.pick("true", "true", "false", "{mss: 1400}", "{wscale: 10, sack: false}", "{timestamp: false}"))
	}
	if g.often(30) { // which no packet depends on: only a State does
		b.WriteString(g.pick(", health_check: none", ", health_check: {type: icmp}, panic: 30%", ", health_check: {type: tcp, port: 80}, quorum: 50%, hysteresis: 1, slow_start: 10s, on_down: end"))
	}
	if g.often(30) {
		b.WriteString(", helpers: " + g.helpers())
	}
	if g.often(50) {
		text, _ := g.source(false)
		return b.String() + ", mode: fullnat, " + text
	}
	if g.often(40) {
		b.WriteString(", hairpin: " + g.pick("true", "true", "false", g.ranges(5, servers, servers, clients, outside)))
	}
	return b.String() + g.pick("", ", mode: nat")
}

// fronts draws where clients call, and tells whether they may call many ports.
func (g *maker) fronts(b *strings.Builder) (ranges bool) {
	var list []string
	for range 1 + g.IntN(2) {
		list = append(list, writeVIP(addr(vips, g.family(), 1+g.IntN(3))))
	}
	fmt.Fprintf(b, ", vip: [%s]", strings.Join(distinct(list), ", "))
	list = nil
	for range 1 + g.IntN(3) {
		list = append(list, g.ports())
	}
	list = distinct(list)
	fmt.Fprintf(b, ", ports: [%s]", strings.Join(list, ", "))
	return strings.ContainsAny(strings.Join(list, ""), "-*")
}

// realServers draws real servers. With ranges of ports all of them have a port or none; so
// it is best with persistence, too.
func (g *maker) realServers(n int, scheduler string, persistent, ranges bool) string {
	var list []string
	ported, same := g.often(40), ranges || persistent && g.often(80)
	port := g.pick("80", "8080", "81", "443")
	for range n {
		text := fmt.Sprintf("{address: %q", addr(servers, g.family(), g.IntN(4)+1))
		if same && ported || !same && g.often(50) {
			if !same || ranges && g.often(10) {
				port = g.pick("80", "8080", "81", "443")
			}
			text += ", port: " + port
		}
		if weights := []string{"0", "1", "2", "3", "7"}; scheduler == "" || scheduler == "rr" {
			text += g.pick("", "", "", ", weight: 0", ", weight: 1")
		} else {
			text += ", weight: " + g.pick(weights...)
		}
		list = append(list, text+"}")
	}
	return strings.Join(list, ", ")
}
