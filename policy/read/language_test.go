package read

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// TestLanguage holds the table of the language against the loader: every example is valid,
// every key that is written changes the model, and every default is what absence means.
func TestLanguage(t *testing.T) {
	for i := range words.Language() {
		k := &words.Language()[i]
		t.Run(k.Path, func(t *testing.T) {
			example := parsed(t, k.Sample(k.Example))
			if k.Required {
				return
			}
			absent := parsed(t, k.Sample(""))
			if cmp.Diff(absent, example, comparing, cmpopts.EquateEmpty()) == "" {
				t.Errorf("%s: %s changes nothing", k.Name(), k.Example)
			}
			if k.Default == "" {
				return
			}
			if diff := cmp.Diff(absent, parsed(t, k.Sample(k.Default)), comparing, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the default %s differs from an absent key (-absent +default):\n%s", k.Default, diff)
			}
		})
		if (k.Default != "") && (k.Required || k.Absent != "") || !k.Required && k.Default == "" && k.Absent == "" && !strings.HasSuffix(k.Path, ".NAME") {
			t.Errorf("%s: one of Required, Default and Absent must say what absence means", k.Path)
		}
	}
}

func parsed(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, ds := Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(text)}})
	if len(ds) > 0 {
		t.Fatalf("%s\n%s", text, ds.Error())
	}
	return p
}

// TestCodes holds the list of codes against the source, the table of the language and the
// golden cases.
func TestCodes(t *testing.T) {
	var listed []string
	for _, c := range policy.Codes() {
		listed = append(listed, c.Code)
	}
	used := append(codesIn(t, "*.go", `"([A-Z]\d\d)"`), codesIn(t, "../*.go", `"([A-Z]\d\d)"`)...)
	slices.Sort(used)
	if diff := cmp.Diff(slices.Compact(used), listed); diff != "" {
		t.Errorf("codes (-used +listed):\n%s", diff)
	}
	cases := codesIn(t, "testdata/*.txtar", `\[([A-Z]\d\d)\]`)
	cases = append(cases, "S19") // takes a million ports: load_test.go
	for _, code := range listed {
		if code == "F01" { // of no key and no file
			continue
		}
		if !slices.ContainsFunc(words.Language(), func(k words.Keyword) bool { return slices.Contains(k.Errors, code) }) {
			t.Errorf("no key may get %s", code)
		}
		if !slices.Contains(cases, code) {
			t.Errorf("no golden case shows %s", code)
		}
	}
	for _, k := range words.Language() {
		for _, code := range k.Errors {
			if !slices.Contains(listed, code) {
				t.Errorf("%s: there is no code %s", k.Path, code)
			}
		}
	}
}

// codesIn returns what a pattern finds in files, sorted.
func codesIn(t *testing.T, glob, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file matches %s: %v", glob, err)
	}
	var out []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || filepath.Base(file) == "codes.go" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
			out = append(out, string(m[1]))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestEmptyLists holds which lists may have no items.
func TestEmptyLists(t *testing.T) {
	for i := range words.Language() {
		k := &words.Language()[i]
		if !k.List {
			continue
		}
		_, ds := Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(k.Sample("[]"))}})
		if empty := ds.Err() == nil; empty != k.Empty {
			t.Errorf("%s: the list may be empty: %v, the table says %v: %v", k.Path, empty, k.Empty, ds)
		}
	}
}

// TestKeys holds that every key of the language is among those of its mapping, in order.
func TestKeys(t *testing.T) {
	next := map[string]int{}
	for i := range words.Language() {
		k := &words.Language()[i]
		path := strings.TrimSuffix(strings.TrimSuffix(k.Path, k.Name()), ".")
		if k.Name() == "NAME" {
			continue // names of the operator's
		}
		if keys := words.Keys(path); next[path] >= len(keys) || keys[next[path]] != k.Name() {
			t.Errorf("Keys(%q) is %v, and %s is not its key %d", path, keys, k.Path, next[path])
		}
		next[path]++
	}
	for _, path := range []string{"laddrs", "health_checks", "gateway.uplinks", "zones", "nothing", "zones[].from"} {
		if keys := words.Keys(path); keys != nil {
			t.Errorf("Keys(%q) is %v", path, keys)
		}
	}
}
