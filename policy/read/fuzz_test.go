package read

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// FuzzParse holds that no input makes Parse panic, that the policy is nil exactly where
// there is an error, that every diagnostic lies inside its file, and that every valid policy
// decides soundly about packets. The seeds are the golden cases and the valid policies.
func FuzzParse(f *testing.F) {
	cases, _ := filepath.Glob("testdata/*.txtar")
	more, _ := filepath.Glob("../testdata/*/*.txtar")
	for _, path := range append(cases, more...) {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			f.Add(file.Data)
		}
	}
	valid, _ := filepath.Glob("../../testdata/valid/*.yaml")
	for _, path := range valid {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		srcs := []policy.Source{{Name: "policy.yaml", Data: data}}
		p, ds := Parse(srcs)
		if (p == nil) != (ds.Err() != nil) {
			t.Errorf("the policy is %v, the error %v", p, ds.Err())
		}
		checkPositions(t, srcs, ds)
		if p != nil {
			checkDecisions(t, p)
		}
	})
}

// checkDecisions calls from the first sources of zones what the first services and maps have.
func checkDecisions(t *testing.T, p *policy.Policy) {
	t.Helper()
	const few = 8
	from := []netip.Addr{addr("192.0.2.1"), addr("2001:db8::1")}
	to := []netip.AddrPort{addrPort("198.51.100.1:80"), addrPort("[2001:db8::2]:80")}
	for _, z := range p.Zones[:min(few, len(p.Zones))] {
		from = append(from, z.From[0].From, z.From[0].To)
		if z.Map.Family() != 0 {
			to = append(to, netip.AddrPortFrom(z.Map.To, 0))
		}
	}
	for _, s := range p.Services[:min(few, len(p.Services))] {
		if len(s.VIP) > 0 {
			to = append(to, netip.AddrPortFrom(s.VIP[0], s.Ports[0].Ports.Last))
		}
	}
	for _, a := range from {
		for _, b := range to {
			if a.Is4() != b.Addr().Is4() {
				continue
			}
			for _, proto := range []inet.Proto{inet.TCP, inet.ICMP} {
				pkt := policy.Packet{From: netip.AddrPortFrom(a, 999), To: b, Proto: proto, OIf: p.Gateway.AnyUplink()}
				if why := unsound(p.Decide(pkt)); why != "" {
					t.Errorf("%+v: %s: %+v", pkt, why, p.Decide(pkt))
				}
			}
		}
	}
}

// unsound says what no decision may be, and nothing where it is none of that.
func unsound(d policy.Decision) string {
	translated := len(d.DNAT)+len(d.SNAT) > 0 || d.Masquerade
	switch {
	case d.Verdict != policy.Accept && d.Verdict != policy.Drop && d.Verdict != policy.Reject:
		return "no verdict"
	case d.Verdict != policy.Accept && translated:
		return "refused and translated"
	case d.Service != "" && d.Zone != "":
		return "decided by both a service and a zone"
	case d.Masquerade && len(d.SNAT) > 0, !d.SNATPorts.IsZero() && len(d.SNAT) == 0:
		return "contradicts itself about the source"
	case len(d.Steps) == 0 || d.Reason != d.Steps[len(d.Steps)-1]:
		return "gives no reason"
	}
	return ""
}
