package integration

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// TestPoolSelection counts how 300 sources, then 200 destinations of one source, share a
// pool, and that a choice once made stays.
func TestPoolSelection(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  apart: [198.51.100.1-198.51.100.2, 198.51.100.9, "2001:db8:99::1", "2001:db8:99::5", "2001:db8:99::77"]
  range: [198.51.100.16/30, "2001:db8:99::10/126"]
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: apart}
  - {name: guests, from: [10.2.0.0/16, "fd02::/64"], laddrs: range, select: source}
  - {name: lab-apart, from: 10.66.200.0/24, laddrs: apart, select: source-destination}
  - {name: lab-range, from: 10.66.201.0/24, laddrs: range, select: source-destination}
services:
  - {name: full, vip: [203.0.113.1, "2001:db8::1"], ports: [udp/80, tcp/80, udp/8000-8010], mode: fullnat, laddrs: apart, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1"]}
  - {name: full-range, vip: 203.0.113.2, ports: [udp/80, tcp/80, udp/8000-8010], mode: fullnat, laddrs: range, real_servers: [192.168.1.1]}
`)
	apart4 := []string{"198.51.100.1", "198.51.100.2", "198.51.100.9"}
	apart6 := []string{"2001:db8:99::1", "2001:db8:99::5", "2001:db8:99::77"}
	range4 := []string{"198.51.100.16", "198.51.100.17", "198.51.100.18", "198.51.100.19"}
	range6 := []string{"2001:db8:99::10", "2001:db8:99::11", "2001:db8:99::12", "2001:db8:99::13"}

	for _, c := range []struct {
		name   string
		from   *nstest.Host
		source string // with the number in its last part
		dsts   [3]string
		pool   []string
	}{
		{"apart, IPv4", s.Office, "10.1.200.%d", [3]string{"udp 8.8.8.8:53", "udp 9.9.9.9:80", "tcp 8.8.8.9:7"}, apart4},
		{"apart, IPv6", s.Office, "fd01::8000:0:0:%x", [3]string{"udp [2001:db8:8::8]:53", "udp [2001:db8:9::9]:80", "tcp [2001:db8:8::99]:7"}, apart6},
		{"range, IPv4", s.Guests, "10.2.200.%d", [3]string{"udp 8.8.8.8:53", "udp 9.9.9.9:80", "tcp 8.8.8.9:7"}, range4},
		{"range, IPv6", s.Guests, "fd02::8000:0:0:%x", [3]string{"udp [2001:db8:8::8]:53", "udp [2001:db8:9::9]:80", "tcp [2001:db8:8::99]:7"}, range6},
		{"fullnat apart, IPv4", s.Lab, "10.66.201.%d", [3]string{"udp 203.0.113.1:80", "udp 203.0.113.1:8005", "tcp 203.0.113.1:80"}, apart4},
		{"fullnat apart, IPv6", s.Lab, "fd66::8000:0:0:%x", [3]string{"udp [2001:db8::1]:80", "udp [2001:db8::1]:8005", "tcp [2001:db8::1]:80"}, apart6},
		{"fullnat range, IPv4", s.Lab, "10.66.202.%d", [3]string{"udp 203.0.113.2:80", "udp 203.0.113.2:8005", "tcp 203.0.113.2:80"}, range4},
	} {
		t.Run("source, "+c.name, func(t *testing.T) {
			base := netip.MustParseAddr(fmt.Sprintf(c.source, 0))
			seen := map[string]int{}
			for i := range 300 {
				src := base.String()
				base = base.Next()
				first := sees(t, c.from, src, c.dsts[0])
				seen[first]++
				if i%10 > 0 {
					continue
				}
				for _, dst := range c.dsts {
					if again := sees(t, c.from, src, dst); again != first {
						t.Errorf("%s leaves as %s, and to %s as %s", src, first, dst, again)
					}
				}
			}
			wantEven(t, seen, c.pool, 300)
		})
	}

	for _, c := range []struct {
		name, src string
		pool      []string
	}{
		{"apart", "10.66.200.7", apart4},
		{"range", "10.66.201.7", range4},
	} {
		t.Run("source-destination, "+c.name, func(t *testing.T) {
			seen := map[string]int{}
			for i := range 200 {
				dst := fmt.Sprintf("tcp 8.8.8.%d:7", i+1)
				first := sees(t, s.Lab, c.src, dst)
				seen[first]++
				if i%10 == 0 {
					if again := sees(t, s.Lab, c.src, dst); again != first {
						t.Errorf("to %s %s leaves as %s, then as %s", dst, c.src, first, again)
					}
				}
			}
			wantEven(t, seen, c.pool, 200)
		})
	}
}

// sees returns the address under which Outside sees a source.
func sees(t *testing.T, from *nstest.Host, src, dst string) string {
	t.Helper()
	var network, addr string
	fmt.Sscan(dst, &network, &addr)
	return call(t, from, network+" "+src+" > "+addr).Peer.Addr().String()
}

// wantEven checks that connections are spread over the whole pool and nothing else, within
// sampling noise: chi-squared may pass its limit once in a million runs.
func wantEven(t *testing.T, seen map[string]int, pool []string, n int) {
	t.Helper()
	shares := map[string]float64{}
	for _, laddr := range pool {
		shares[laddr] = 1 / float64(len(pool))
	}
	wantShares(t, seen, shares, n)
}

// wantShares is wantEven for shares that differ.
func wantShares(t *testing.T, seen map[string]int, shares map[string]float64, n int) {
	t.Helper()
	limit := map[int]float64{2: 23.9, 3: 27.6, 4: 30.7}[len(shares)] // by degrees of freedom + 1
	chi2, total := 0.0, 0
	for key, share := range shares {
		d := float64(seen[key]) - share*float64(n)
		chi2 += d * d / (share * float64(n))
		total += seen[key]
	}
	if total != n || chi2 > limit {
		t.Errorf("%d connections are spread as %v, want %v: chi-squared %.1f, at most %.1f", n, seen, shares, chi2, limit)
	}
}

// A source keeps its laddr while the pool stands, whatever else changes: other zones, the
// order of everything, even the table itself.
func TestSourceKeepsLaddr(t *testing.T) {
	s := startSite(t, "")
	policy := func(before, after string) string {
		return `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  apart: [198.51.100.1-198.51.100.2, 198.51.100.9]
  range: [198.51.100.16/28]
zones:
` + before + `
  - {name: office, from: 10.1.0.0/16, laddrs: apart}
  - {name: guests, from: 10.2.0.0/16, laddrs: range}
` + after
	}
	survey := func() (seen []string) {
		for i := range 40 {
			seen = append(seen, sees(t, s.Office, fmt.Sprintf("10.1.200.%d", i), "udp 8.8.8.8:53"), sees(t, s.Guests, fmt.Sprintf("10.2.200.%d", i), "udp 8.8.8.8:53"))
		}
		return seen
	}
	s.start(t, policy("", ""))
	first := survey()
	other := policy("  - {name: first, from: 10.66.0.0/16, laddrs: [198.51.100.3, 198.51.100.5, 198.51.100.7]}", "  - {name: last, from: 10.0.0.0/8, laddrs: range}\n")
	for _, change := range []struct {
		name  string
		apply func()
	}{
		{"other zones", func() { apply(t, s.Gateway, other) }},
		{"flush", func() { s.start(t, other) }},
		{"nft -f", func() { nft(t, s.Gateway, snatctl(t, s.Gateway, other, "compile").Stdout) }},
	} {
		change.apply()
		must(t, s.Gateway.FlushFlows(context.Background()))
		if now := survey(); !slices.Equal(now, first) {
			t.Errorf("after %s the sources have other laddrs:\n%v\nthan before:\n%v", change.name, now, first)
		}
	}
}

func TestPoolPorts(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  ports: {addresses: [198.51.100.16/30, "2001:db8:99::10/126"], ports: 40000-40063}
  ports-apart: {addresses: [198.51.100.1, 198.51.100.3, 198.51.100.7, "2001:db8:99::1", "2001:db8:99::5"], ports: 41000-41063}
  random: {addresses: [198.51.100.32, "2001:db8:99::32"], random: true}
  both: {addresses: [198.51.100.33, "2001:db8:99::33"], ports: 42000-42999, random: true}
  inner: {addresses: [192.168.2.1, 192.168.2.5], ports: 43000-43063}
zones:
  - {name: ports, from: [10.1.200.0/28, "fd01::8000:0:0:0/112"], laddrs: ports}
  - {name: apart, from: [10.1.201.0/28, "fd01::8000:0:1:0/112"], laddrs: ports-apart}
  - {name: random, from: [10.1.202.0/28, "fd01::8000:0:2:0/112"], laddrs: random}
  - {name: both, from: [10.1.203.0/28, "fd01::8000:0:3:0/112"], laddrs: both}
  - {name: kept, from: [10.1.204.0/28, "fd01::8000:0:4:0/112"], laddrs: [198.51.100.40, 198.51.100.42, "2001:db8:99::40"]}
services:
  - {name: full, vip: 203.0.113.1, ports: [tcp/80, udp/80], mode: fullnat, laddrs: inner, real_servers: 192.168.1.1}
  - {name: plain, vip: 203.0.113.2, ports: [tcp/80, udp/80], mode: fullnat, laddrs: 192.168.2.9, real_servers: 192.168.1.1}
`)
	for i, c := range []struct {
		name       string
		sources    []string
		calls      []string
		first, end uint16 // bounds of the ports seen; 0: the source's own
	}{
		{"ports", []string{"10.1.200.1", "10.1.200.2"}, []string{"tcp 8.8.8.8:53", "udp 9.9.9.9:53"}, 40000, 40063},
		{"ports, IPv6", []string{"fd01::8000:0:0:1"}, []string{"tcp [2001:db8:8::8]:53", "udp [2001:db8:9::9]:53"}, 40000, 40063},
		{"ports of addresses apart", []string{"10.1.201.1", "10.1.201.2"}, []string{"tcp 8.8.8.8:53", "udp 9.9.9.9:53"}, 41000, 41063},
		{"ports of addresses apart, IPv6", []string{"fd01::8000:0:1:1"}, []string{"tcp [2001:db8:8::8]:53", "udp [2001:db8:9::9]:53"}, 41000, 41063},
		{"random and ports", []string{"10.1.203.1"}, []string{"tcp 8.8.8.8:53", "udp 9.9.9.9:53"}, 42000, 42999},
		{"random and ports, IPv6", []string{"fd01::8000:0:3:1"}, []string{"tcp [2001:db8:8::8]:53", "udp [2001:db8:9::9]:53"}, 42000, 42999},
		{"fullnat with ports", []string{"10.2.200.1", "10.2.200.2"}, []string{"tcp 203.0.113.1:80", "udp 203.0.113.1:80"}, 43000, 43063},
		{"kept", []string{"10.1.204.1"}, []string{"tcp 8.8.8.8:53", "udp 9.9.9.9:53"}, 0, 0},
		{"kept, IPv6", []string{"fd01::8000:0:4:1"}, []string{"tcp [2001:db8:8::8]:53", "udp [2001:db8:9::9]:53"}, 0, 0},
		{"fullnat without ports", []string{"10.2.200.1"}, []string{"tcp 203.0.113.2:80", "udp 203.0.113.2:80"}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, src := range c.sources {
				for _, to := range c.calls {
					for n := range 5 {
						own, seen := ports(t, s, src, to, uint16(20000+100*i+n))
						if c.first == 0 && seen != own || c.first != 0 && (seen < c.first || seen > c.end) {
							t.Errorf("%s port %d to %s leaves with port %d", src, own, to, seen)
						}
					}
				}
			}
		})
	}
	for _, src := range []string{"10.1.202.1", "10.1.203.1", "fd01::8000:0:2:1"} {
		t.Run("random from "+src, func(t *testing.T) {
			to := "tcp 8.8.8.8:53"
			if netip.MustParseAddr(src).Is6() {
				to = "tcp [2001:db8:8::8]:53"
			}
			kept, next, last := 0, 0, uint16(0)
			for i := range 20 {
				own, seen := ports(t, s, src, to, uint16(42100+i)) // within what `both` may use
				if seen == own {
					kept++
				}
				if seen == last+1 {
					next++
				}
				last = seen
			}
			if kept > 2 || next > 2 {
				t.Errorf("of 20 source ports %d stayed and %d followed the one before: not random", kept, next)
			}
		})
	}
}

// ports opens a connection from a source port and returns it and the port that the far end sees.
func ports(t *testing.T, s *site, src, to string, port uint16) (own, seen uint16) {
	t.Helper()
	from := s.Office
	if netip.MustParsePrefix("10.2.0.0/16").Contains(netip.MustParseAddr(src)) {
		from = s.Guests
	}
	var network, addr string
	fmt.Sscan(to, &network, &addr)
	l := netip.AddrPortFrom(netip.MustParseAddr(src), port)
	return port, call(t, from, network+" "+l.String()+" > "+addr).Peer.Port()
}
