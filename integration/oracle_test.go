package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// routesAlone is a diff of gateway.addresses and of the routing of uplinks alone: a script for nft makes tables, not routes.
var routesAlone = regexp.MustCompile(`^(\+ (address|uplink|node|gateway \S+: ip rules) .*\n)+would change routes and addresses of this host: .*\n$`)

// For every valid policy the table that apply makes by netlink and the one that nft makes
// of compile's script are listed alike, snatctl calls both its own, and the listing loads
// again. nft is the judge: it shares no code with snatctl.
func TestOracle(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/valid/*.yaml")
	must(t, err)
	own, err := filepath.Glob("testdata/*.yaml")
	must(t, err)
	examples, err := filepath.Glob("../examples/*.yaml")
	must(t, err)
	tried := 0
	for _, file := range append(append(files, own...), examples...) {
		t.Run(strings.TrimPrefix(file, "../"), func(t *testing.T) {
			applied, loaded, again := nstest.NewHost(t, "applied"), nstest.NewHost(t, "loaded"), nstest.NewHost(t, "again")
			on := nodeOf(t, file)
			r := ctl(t, applied, append([]string{"apply", "-f", file}, on...)...)
			if r.Code == 1 && strings.Contains(r.Stderr, "not supported yet") && list(t, applied) == "" {
				t.Skip(strings.TrimSpace(r.Stderr))
			}
			if r.Code != 0 {
				t.Fatalf("apply exits %d: %s", r.Code, r.Stderr)
			}
			tried++
			script := prints(t, applied, append([]string{"compile", "-f", file}, on...)...)
			if twice := prints(t, applied, append([]string{"compile", "-f", file}, on...)...); twice != script {
				t.Error("compile prints something else the second time")
			}
			nft(t, loaded, script)
			ours, theirs := list(t, applied), list(t, loaded)
			if ours != theirs {
				t.Errorf("apply makes\n%s\nnft makes\n%s", ours, theirs)
			}
			for _, h := range []*nstest.Host{applied, loaded} {
				if r := ctl(t, h, append([]string{"diff", "-f", file}, on...)...); r.Code != 0 && (h != loaded || r.Code != 1 || !routesAlone.MatchString(r.Stdout)) {
					t.Errorf("diff of the %s table exits %d: %s%s", h.Name, r.Code, r.Stdout, r.Stderr)
				}
			}
			nft(t, again, ours)
			if listed := list(t, again); listed != ours {
				t.Errorf("the listing\n%s\nlists differently after loading it:\n%s", ours, listed)
			}
			// The script replaces what is there, whole: loading it twice is loading it once.
			nft(t, loaded, script)
			if twice := list(t, loaded); twice != theirs {
				t.Errorf("the script loaded twice gives\n%s\nwant\n%s", twice, theirs)
			}
			if objects := regexp.MustCompile(`(?m)^table `).FindAllString(ours, -1); len(objects) != 1 {
				t.Errorf("apply makes %d tables, want one", len(objects))
			}
		})
	}
	if tried < 4 {
		t.Errorf("only %d policies could be tried", tried)
	}
}

// nodeOf returns the option by which a policy of several nodes is that of the first, gw1; nothing for others.
func nodeOf(t *testing.T, file string) []string {
	text, err := os.ReadFile(file)
	must(t, err)
	if strings.Contains(string(text), "\nnodes:") {
		return []string{"--node", "gw1"}
	}
	return nil
}
