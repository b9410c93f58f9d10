package policy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzParse holds that no input makes Parse panic, that the policy is nil exactly where
// there is an error, and that every diagnostic lies inside its file. The seeds are the
// golden cases and the valid policies.
func FuzzParse(f *testing.F) {
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
	valid, _ := filepath.Glob("../testdata/valid/*.yaml")
	for _, path := range valid {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		srcs := []Source{{"policy.yaml", data}}
		p, ds := Parse(srcs)
		if (p == nil) != (ds.Err() != nil) {
			t.Errorf("the policy is %v, the error %v", p, ds.Err())
		}
		checkPositions(t, srcs, ds)
	})
}
