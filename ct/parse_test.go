package ct

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/inet"
)

// gateway lists the addresses of the host in these tests.
var gateway = []netip.Addr{netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}

// parseFlow reads "tcp 10.1.0.9:999 > 203.0.113.10:80 as 198.51.100.1:999 > 192.168.1.1:80",
// where "as" and what follows may be absent. ICMP has addresses without ports. A related flow
// ends in "of 10.1.0.9:998 > 203.0.113.10:21", its master.
func parseFlow(t testing.TB, text string) *Flow {
	t.Helper()
	text, of, related := strings.Cut(text, " of ")
	if related {
		f, m := parseFlow(t, text), parseFlow(t, strings.Fields(text)[0]+" "+of)
		f.Status, f.Master = Expected, m.Orig
		return f
	}
	words := strings.Fields(text)
	if len(words) != 4 && len(words) != 8 {
		t.Fatalf("%q is no flow", text)
	}
	p, err := inet.ParseProto(words[0])
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) netip.AddrPort {
		if !p.HasPorts() {
			return netip.AddrPortFrom(netip.MustParseAddr(s), 0)
		}
		return netip.MustParseAddrPort(s)
	}
	f := &Flow{Orig: Tuple{Proto: p, Src: at(words[1]), Dst: at(words[3])}}
	f.Reply = Tuple{Proto: p, Src: f.Orig.Dst, Dst: f.Orig.Src}
	if len(words) == 8 {
		f.Reply.Dst, f.Reply.Src = at(words[5]), at(words[7])
	}
	if !p.HasPorts() { // as the kernel does: the echo id is the source's port
		f.Orig.Src = netip.AddrPortFrom(f.Orig.Src.Addr(), 77)
		f.Reply.Src = netip.AddrPortFrom(f.Reply.Src.Addr(), 78)
	}
	return f
}

func ranges(list ...string) []inet.Range {
	var out []inet.Range
	for _, s := range list {
		out = append(out, inet.MustRange(s))
	}
	return inet.Merge(out)
}

// parseBindings reads a policy, a service or zone a line:
//
//	service dns at=203.0.113.10/udp/53 servers=192.168.1.1:5353,192.168.1.2 laddrs=192.168.1.250
//	zone office from=10.1.0.0/16 to=… ports=… exclude=… iif oif=wan1,ppp* laddrs=198.51.100.1-198.51.100.2
//	zone home from=10.2.0.0/16 through=wan0:198.51.100.1,wan1:203.0.113.1
//	zone lab from=10.9.8.0/24 map=198.18.8.0/24
//	zone lan from=10.3.0.0/16 action=accept
//
// A service with laddrs is fullnat. A real server "192.168.1.1*0" has weight 0.
func parseBindings(t testing.TB, text string) Bindings {
	t.Helper()
	var b Bindings
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		keys := make(map[string][]string)
		for _, w := range words[2:] {
			key, value, _ := strings.Cut(w, "=")
			keys[key] = strings.Split(value, ",")
		}
		switch words[0] {
		case "service":
			b.Services = append(b.Services, parseService(t, words[1], keys))
		case "zone":
			b.Zones = append(b.Zones, parseZone(t, words[1], keys))
		default:
			t.Fatalf("%q is neither service nor zone", line)
		}
	}
	slices.SortFunc(b.Services, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return b
}

func parseService(t testing.TB, name string, keys map[string][]string) Service {
	s := Service{Name: name, Mode: "nat", Scheduler: "rr", Pools: parsePools(keys["laddrs"])}
	if len(s.Pools) > 0 {
		s.Mode = "fullnat"
	}
	for _, at := range keys["at"] {
		vip, pp, _ := strings.Cut(at, "/")
		s.Fronts = append(s.Fronts, Front{netip.MustParseAddr(vip), parsePorts(t, pp)[0], 0})
	}
	for _, at := range keys["servers"] {
		at, weight, drains := strings.Cut(at, "*")
		rs := Server{Weight: 1}
		if drains {
			rs.Weight, _ = strconv.Atoi(weight)
		}
		if ap, err := netip.ParseAddrPort(at); err == nil {
			rs.Addr, rs.Port = ap.Addr(), ap.Port()
		} else {
			rs.Addr = netip.MustParseAddr(at)
		}
		s.Servers = append(s.Servers, rs)
	}
	return s
}

func parseZone(t testing.TB, name string, keys map[string][]string) Zone {
	_, iif := keys["iif"]
	z := Zone{Name: name, Action: "snat", Sources: ranges(keys["from"]...), To: ranges(keys["to"]...), Ports: parsePorts(t, keys["ports"]...),
		IIf: iif, OIf: keys["oif"], Exclude: ranges(keys["exclude"]...), Pools: parsePools(keys["laddrs"])}
	for _, word := range keys["through"] {
		oif, laddr, _ := strings.Cut(word, ":")
		z.Through = append(z.Through, Through{oif, ranges(laddr)})
		z.Pools = append(z.Pools, parsePools([]string{laddr})...)
	}
	if a := keys["action"]; a != nil {
		z.Action = a[0]
	}
	if m := keys["map"]; m != nil {
		z.Action, z.Maps = "map", []Map{{z.Sources[0], inet.MustRange(m[0])}}
	}
	return z
}

// parsePools makes one pool, named "pool".
func parsePools(list []string) []Pool {
	if list == nil {
		return nil
	}
	return []Pool{{Name: "pool", Laddrs: ranges(list...)}}
}

func parsePorts(t testing.TB, list ...string) []inet.ProtoPorts {
	t.Helper()
	var out []inet.ProtoPorts
	for _, s := range list {
		p, err := inet.ParseProtoPorts(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}
