package ipvsadm

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/format"
	"github.com/snatctl/snatctl/policy/read"
	"github.com/snatctl/snatctl/translate"
)

// TestSamples translates the samples: a file "rules" each, with the packets that the old system
// is known to treat so. The first line of a sample's comment may be "dialect D".
func TestSamples(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, in []golden.File) []golden.File {
		var rules, packets []byte
		var dialect translate.Dialect
		for _, f := range in {
			switch f.Name {
			case "rules":
				rules = f.Data
			case "packets":
				packets = f.Data
			case "dialect":
				dialect = translate.Dialect(strings.TrimSpace(string(f.Data)))
			}
		}
		r, err := translated(t, rules, dialect)
		if err != nil {
			return append(in[:0:0], golden.File{Name: "want-error", Data: []byte(err.Error() + "\n")})
		}
		if n := r.Report.Unaccounted(); n > 0 {
			t.Errorf("%d lines have words that nobody understands", n)
		}
		fare(t, r.Policy, packets)
		var report bytes.Buffer
		for _, g := range r.Report.Gaps {
			fmt.Fprintln(&report, g)
		}
		fmt.Fprintln(&report, strings.Join(r.Report.Summary(), "\n"))
		return []golden.File{{Name: "want-policy.yaml", Data: r.Policy}, {Name: "want-report", Data: report.Bytes()}}
	})
}

// translated translates rules, and holds what is so for all results.
func translated(t *testing.T, rules []byte, dialect translate.Dialect) (*translate.Result, error) {
	t.Helper()
	src := policy.Source{Name: "rules", Data: rules}
	r, err := Translate(src, dialect)
	if err != nil {
		if len(translate.Problems(err)) == 0 {
			t.Errorf("the error has no place: %v", err)
		}
		for _, p := range translate.Problems(err) {
			if p.File != "rules" {
				t.Errorf("an error has no place: %v", p)
			}
		}
		return nil, err
	}
	if again, err := Translate(src, dialect); err != nil || !bytes.Equal(r.Policy, again.Policy) || fmt.Sprint(r.Report) != fmt.Sprint(again.Report) {
		t.Errorf("translated twice, it is another policy: %v", err)
	}
	out := policy.Source{Name: "policy", Data: r.Policy}
	if p, ds := read.Parse([]policy.Source{out}); p == nil {
		t.Errorf("the policy is refused: %v\n%s", ds, r.Policy)
	}
	if same, diag := format.Format(out); diag != nil || !bytes.Equal(r.Policy, same) {
		t.Errorf("fmt changes the policy: %v\n%s", diag, r.Policy)
	}
	commented(t, r.Policy)
	for _, g := range r.Report.Gaps {
		if g.Line < 1 || g.Line > bytes.Count(rules, []byte("\n"))+1 || g.File != "rules" {
			t.Errorf("a report has no place: %v", g)
		}
	}
	return r, nil
}

// commented holds that each pool, zone and service has a comment that names its line.
func commented(t *testing.T, text []byte) {
	t.Helper()
	p, _ := read.Parse([]policy.Source{{Name: "policy", Data: text}})
	if p == nil {
		return
	}
	lines := strings.Split(string(text), "\n")
	named := func(what string, line int) {
		for at := line - 1; at > 0 && at <= len(lines); at-- {
			if strings.Contains(lines[at-1], "# line ") {
				return
			}
			if !strings.HasPrefix(strings.TrimSpace(lines[at-1]), "#") {
				break
			}
		}
		t.Errorf("%s has no comment that names its line", what)
	}
	for _, z := range p.Zones {
		named("zone "+z.Name, z.Pos.Line)
	}
	for _, s := range p.Services {
		named("service "+s.Name, s.Pos.Line)
	}
	for _, l := range p.Laddrs {
		if len(l.Laddrs) == 1 {
			named("pool "+l.Name, l.Pos.Line)
		}
	}
}

// fare sends packets through a policy: "tcp 10.1.5.9 8.8.8.8:443 [oif wan0] -> accept snat
// 198.51.100.1 dnat 192.168.1.1:80". The lines after -> are what the old system does.
func fare(t *testing.T, text, packets []byte) {
	t.Helper()
	p, ds := read.Parse([]policy.Source{{Name: "policy", Data: text}})
	if p == nil {
		t.Fatal(ds)
	}
	for line := range strings.Lines(string(packets)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		send, want, ok := strings.Cut(line, " -> ")
		if !ok {
			t.Fatalf("%q has no ->", line)
		}
		if got := outcome(p.Decide(packet(t, p, send))); got != strings.TrimSpace(want) {
			t.Errorf("%s: the policy does %q, the old system %q", send, got, want)
		}
	}
}

// packet reads the part before ->.
func packet(t *testing.T, p *policy.Policy, s string) (pkt policy.Packet) {
	t.Helper()
	f := strings.Fields(s)
	var err error
	if pkt.Proto, err = inet.ParseProto(f[0]); err != nil {
		t.Fatal(err)
	}
	for i, to := range []*netip.AddrPort{&pkt.From, &pkt.To} {
		if a, err := netip.ParseAddr(f[1+i]); err == nil {
			*to = netip.AddrPortFrom(a, 0)
		} else if *to, err = netip.ParseAddrPort(f[1+i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := 3; i+1 < len(f); i += 2 {
		switch f[i] {
		case "iif":
			pkt.IIf = f[i+1]
		case "oif":
			pkt.OIf = f[i+1]
		case "mark":
			n, err := strconv.ParseUint(f[i+1], 0, 32)
			if err != nil {
				t.Fatal(err)
			}
			pkt.Mark = uint32(n)
		}
	}
	return pkt
}

// outcome says what becomes of a packet.
func outcome(d policy.Decision) string {
	out := string(d.Verdict)
	dnat, snat := d.Destination(), d.Source()
	for _, c := range []struct {
		what string
		to   []string
	}{{"dnat", dnat.List()}, {"snat", snat.List()}} {
		if len(c.to) > 0 {
			slices.Sort(c.to)
			out += " " + c.what + " " + strings.Join(c.to, ",")
		}
	}
	return out
}

// samples returns the rules of all samples, with their dialects.
func samples(t testing.TB) (rules [][]byte, dialects []translate.Dialect) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no samples: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var own []byte
		var dialect translate.Dialect
		for _, f := range txtar.Parse(text).Files {
			switch f.Name {
			case "rules":
				own = f.Data
			case "dialect":
				dialect = translate.Dialect(strings.TrimSpace(string(f.Data)))
			}
		}
		rules, dialects = append(rules, own), append(dialects, dialect)
	}
	return rules, dialects
}
