package ct

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/inet"
)

// parseFlow reads "tcp 10.1.0.9:999 > 203.0.113.10:80 as 198.51.100.1:999 > 192.168.1.1:80",
// where "as" and what follows may be absent. ICMP has addresses without ports.
func parseFlow(t testing.TB, text string) *Flow {
	t.Helper()
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

func ports(t testing.TB, list ...string) []inet.ProtoPorts {
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

func TestStaleFirst(t *testing.T) {
	b := Bindings{Services: []Service{{Name: "web", Mode: "nat", Fronts: []Front{{netip.MustParseAddr("203.0.113.10"), ports(t, "tcp/80")[0]}}, Servers: []Server{{Addr: netip.MustParseAddr("192.168.1.1")}}}}}
	x := NewIndex(b, nil)
	f := parseFlow(t, "tcp 10.1.0.9:999 > 203.0.113.10:80 as 10.1.0.9:999 > 192.168.1.1:80")
	if o := x.Owner(f); o.Service != "web" || o.Past || o.Server != f.Reply.Src {
		t.Errorf("owner is %+v", o)
	}
	if r, stale := Stale(x, x, f); stale {
		t.Errorf("stale: %v", r)
	}
	if r, stale := Stale(x, nil, f); !stale || r != (Reason{"service", "web", "is no longer there"}) {
		t.Errorf("stale = %v, %v", stale, r)
	}
}
