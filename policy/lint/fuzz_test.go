package lint

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// FuzzLint holds that no input makes the rules panic, that every finding lies inside its file,
// on a host, too, and that what is found does not depend on the run. The seeds are the catalogue's examples,
// the golden cases and the valid policies.
func FuzzLint(f *testing.F) {
	for _, r := range Rules() {
		f.Add([]byte(r.Bad))
		f.Add([]byte(r.Good))
	}
	cases, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range cases {
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
		ds := lintSources(srcs, true)
		checkPositions(t, srcs, ds)
		if p, _ := read.Parse(srcs); p != nil {
			h := healthy()
			h.Listeners = []Listener{{Proto: inet.UDP, Addr: netip.IPv6Unspecified(), Port: 53}}
			h.Chains[0].Empty = false
			checkPositions(t, srcs, CheckHost(p, h))
		}
		if again := lintSources(srcs, true); render(again) != render(ds) {
			t.Errorf("first\n%s\nthen\n%s", render(ds), render(again))
		}
	})
}
