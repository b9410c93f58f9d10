package announce

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// A case is a policy, and lines of what is so: the node, "drains", services "closed NAME" and "sorry NAME". Its output is
// the file, and what that changes after the same policy of a node that works.
func TestBIRD(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, in []golden.File) (out []golden.File) {
		p, ds := read.Parse([]policy.Source{{Name: in[0].Name, Data: in[0].Data}})
		if err := ds.Err(); err != nil {
			t.Fatal(err)
		}
		for _, f := range in[1:] {
			here, state, draining := p, policy.State{Services: map[string]policy.ServiceState{}}, false
			for line := range strings.Lines(string(f.Data)) {
				switch w := strings.Fields(line); w[0] {
				case "node":
					var d *policy.Diagnostic
					if here, d = p.At(w[1]); d != nil {
						t.Fatal(d)
					}
				case "drains":
					draining = true
				case "closed":
					state.Services[w[1]] = policy.ServiceState{Closed: true}
				case "sorry":
					state.Services[w[1]] = policy.ServiceState{Sorry: true}
				default:
					t.Fatalf("%s: %q", f.Name, line)
				}
			}
			was := Of(here, false).BIRD()
			is := Of(here.With(state), draining || DrainedBy(here)).BIRD()
			text := is
			for _, c := range ChangesOfBIRD(was, is) {
				text += fmt.Sprintf("# change: %v added %v gone %v: %s\n", c.Prefix, c.Added, c.Gone, c.Detail)
			}
			if table, ok := WhoseBIRD(is); table != p.Gateway.Table || !ok {
				t.Errorf("the file is of table %q, %v", table, ok)
			}
			out = append(out, golden.File{Name: "want " + f.Name, Data: []byte(text)})
		}
		return out
	})
}

// A file that comes or goes is a change, also one that has no routes; a file of another's is not snatctl's.
func TestChangesOfBIRD(t *testing.T) {
	vip := VIP{Addr: netip.MustParseAddr("203.0.113.1"), Services: []string{"web"}}
	empty, one := Announcement{Table: "snatctl"}.BIRD(), Announcement{Table: "snatctl", VIPs: []VIP{vip}}.BIRD()
	for _, c := range []struct {
		was, is string
		want    Change
	}{
		{"", empty, Change{Added: true, Detail: "the file announces nothing"}},
		{empty, "", Change{Gone: true, Detail: "the file announces nothing"}},
		{empty, empty + "# by hand\n", Change{Detail: "the file is other than the policy says"}},
		{"", one, Change{Prefix: netip.MustParsePrefix("203.0.113.1/32"), Added: true, Detail: "announce the VIP"}},
		{one, "", Change{Prefix: netip.MustParsePrefix("203.0.113.1/32"), Gone: true, Detail: "withdraw the VIP"}},
	} {
		if got := ChangesOfBIRD(c.was, c.is); len(got) != 1 || got[0] != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
	for _, text := range []string{"", "protocol static x {}", "# made by hand"} {
		if table, ok := WhoseBIRD(text); ok {
			t.Errorf("%q is of table %q", text, table)
		}
	}
}
