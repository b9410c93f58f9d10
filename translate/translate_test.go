package translate

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/format"
	"github.com/snatctl/snatctl/policy/read"
)

// at is a place in the file that the tests translate.
func at(line int) Place { return Place{"old.conf", line} }

// sample is a setup with all kinds of objects, some of which the language refuses.
func sample() *Setup {
	s := New("old.conf")
	s.Header = []string{"from old.conf"}
	out := func() *Pool {
		return &Pool{Pool: policy.Pool{Laddrs: []policy.Laddr{{Range: inet.MustRange("198.51.100.1"), Weight: 1}, {Range: inet.MustRange("198.51.100.8/29"), Weight: 3}}},
			Origins: []Origin{{at(1), "-z 198.51.100.1"}, {Place{"more.conf", 2}, ""}}}
	}
	for i, from := range []string{"10.1.0.0/16", "10.1.5.0/24", "10.2.0.0/16"} {
		z := NewZone()
		z.From, z.Pool, z.Select, z.Origin = []inet.Range{inet.MustRange(from)}, out(), policy.SelectRoundRobin, Origin{at(10 + i), "-K --zone " + from}
		s.Zones = append(s.Zones, z)
	}
	for i, vip := range []string{"203.0.113.10", "203.0.113.10", "2001:db8::10", "203.0.113.12"} {
		v := NewService()
		v.VIP, v.Ports, v.Scheduler = []netip.Addr{netip.MustParseAddr(vip)}, []inet.ProtoPorts{{Proto: inet.TCP, Ports: inet.PortRange{First: 80, Last: 80}}}, policy.WeightedRoundRobin
		v.Origin = Origin{at(20 + 10*i), "-A -t " + vip + ":80"}
		v.Persistence = policy.Persistence{Timeout: 5 * time.Minute, Mask4: 24, Mask6: 128}
		for j, addr := range []string{"192.168.1.1", "127.0.0.1", "2001:db8:1::1"} {
			if i == 3 && j != 1 {
				continue
			}
			v.Servers = append(v.Servers, Server{policy.RealServer{Addr: netip.MustParseAddr(addr), Port: 8080, Weight: 2 - j}, 0, Origin{at(21 + 10*i + j), "-r " + addr}})
		}
		v.Check = &Check{HealthCheck: policy.DefaultHealthCheck(policy.CheckHTTP), Origin: Origin{Place: at(60 + i)}}
		v.Sorry = []Server{{policy.RealServer{Addr: netip.MustParseAddr("192.168.1.9"), Port: 80, Weight: 1}, 0, Origin{Place: at(70 + i)}}}
		s.Services = append(s.Services, v)
	}
	last := s.Services[0]
	last.Mode, last.Pool = policy.FullNAT, &Pool{Pool: policy.Pool{Name: "inner laddrs", Laddrs: []policy.Laddr{{Range: inet.MustRange("203.0.113.10"), Weight: 1}, {Range: inet.MustRange("192.168.1.250"), Weight: 1}}}}
	return s
}

// TestWrite: what a setup asks for is written in canonical form and lints without errors; what the
// language refuses is left out, and reported.
func TestWrite(t *testing.T) {
	l := new(Ledger)
	r, err := sample().Finish(l, IPVS, "a test says so")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.Write(r.Policy)
	b.WriteString("---\n")
	for _, g := range r.Report.Gaps {
		b.WriteString("# " + g.String() + "\n")
	}
	b.WriteString("# " + strings.Join(r.Report.Summary(), "\n# ") + "\n")
	golden.Text(t, "testdata/write.txt", b.Bytes())
	if p, ds := read.Parse([]policy.Source{{Name: "policy", Data: r.Policy}}); p == nil {
		t.Errorf("the policy is refused: %v", ds)
	}
	if again, diag := format.Format(policy.Source{Name: "policy", Data: r.Policy}); diag != nil || !bytes.Equal(r.Policy, again) {
		t.Errorf("fmt changes the policy: %v\n%s", diag, again)
	}
}

// TestLedger: a word that nobody accounts for is reported.
func TestLedger(t *testing.T) {
	l := new(Ledger)
	a, b := l.Enter(at(1), "-A"), l.Enter(at(1), "-t")
	c, d := l.Enter(at(2), "-x"), l.Enter(at(2), "5")
	e := l.Enter(at(2), "--odd")
	l.Whole(a, b)
	l.Report("M050", "", c, d)
	l.Report("M050", "", c, d)
	r := l.Close()
	if len(r.Gaps) != 2 || r.Gaps[1].Code != Unknown || r.Gaps[1].Construct != l.Text(e) || r.Count != [...]int{0, 1, 0, 2} {
		t.Errorf("the report is %+v", r)
	}
	if r.Warnings() != 2 || r.Unaccounted() != 1 {
		t.Errorf("there are %d warnings and %d lines not understood", r.Warnings(), r.Unaccounted())
	}
	if got, want := r.Gaps[0].String(), "old.conf:2: warning: -x 5: it is left out: see whether `limits` of the service say what was meant [M050]"; got != want {
		t.Errorf("a gap is %q, want %q", got, want)
	}
}

// TestNames: names are valid, unique and stable, whatever they are made from.
func TestNames(t *testing.T) {
	n := names{}
	for _, c := range [][2]string{{"web", "web"}, {"web", "web-2"}, {"", "x"}, {"-a b/c", "a-b-c"}, {"None", "xNone"}, {"日本", "x-2"},
		{strings.Repeat("y", 99), strings.Repeat("y", 63)}, {strings.Repeat("y", 80), strings.Repeat("y", 61) + "-2"}} {
		if got := n.give(c[0]); got != c[1] {
			t.Errorf("the name of %q is %q, want %q", c[0], got, c[1])
		}
	}
}

// TestTooManyChains: where a table cannot have a choice in turn for each zone, sources keep their
// laddrs; where not even that helps, the file is refused with a way out.
func TestTooManyChains(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes thousands of zones")
	}
	for _, gap := range []int{1, 2} {
		s := New("old.conf")
		for i := range 4100 {
			z := NewZone()
			z.From = []inet.Range{inet.PrefixRange(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))}
			one := netip.AddrFrom4([4]byte{100, byte(64 + i>>8), byte(i), 1})
			two := netip.AddrFrom4([4]byte{100, byte(64 + i>>8), byte(i), byte(1 + gap)})
			z.Pool = &Pool{Pool: policy.Pool{Laddrs: []policy.Laddr{{Range: inet.AddrRange(one), Weight: 1}, {Range: inet.AddrRange(two), Weight: 1}}}}
			z.Select, z.Origin = policy.SelectRoundRobin, Origin{at(1 + i), "-K"}
			s.Zones = append(s.Zones, z)
		}
		r, err := s.Finish(new(Ledger), DSNAT, "")
		if gap == 1 && (err != nil || r.Report.Count[Changed] != 4100 || bytes.Contains(r.Policy, []byte("round-robin"))) {
			t.Errorf("zones with two adjacent laddrs each: %v", err)
		}
		if gap == 2 && len(Problems(err)) != 1 {
			t.Errorf("zones with two laddrs apart each: %v", err)
		}
	}
}
