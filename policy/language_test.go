package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestLanguage holds the table of the language against the loader: every example is valid,
// every key that is written changes the model, and every default is what absence means.
func TestLanguage(t *testing.T) {
	for i := range language {
		k := &language[i]
		t.Run(k.Path, func(t *testing.T) {
			example := parsed(t, with(k, k.Example))
			if k.Required {
				return
			}
			absent := parsed(t, with(k, ""))
			if cmp.Diff(absent, example, comparing, cmpopts.EquateEmpty()) == "" {
				t.Errorf("%s: %s changes nothing", k.Name(), k.Example)
			}
			if k.Default == "" {
				return
			}
			if diff := cmp.Diff(absent, parsed(t, with(k, k.Default)), comparing, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the default %s differs from an absent key (-absent +default):\n%s", k.Default, diff)
			}
		})
		if (k.Default != "") && (k.Required || k.Absent != "") || !k.Required && k.Default == "" && k.Absent == "" && k.Path != "laddrs.NAME" {
			t.Errorf("%s: one of Required, Default and Absent must say what absence means", k.Path)
		}
		if k.Meaning == "" || k.Kind == "" || len(k.Errors) == 0 || (k.Kind == aWord) != (len(k.Words) > 0 && !k.List) || (k.Kind == aNumber) != (k.Max > 0) {
			t.Errorf("%s is not described in full", k.Path)
		}
	}
}

func parsed(t *testing.T, text string) *Policy {
	t.Helper()
	p, ds := Parse([]Source{{Name: "policy.yaml", Data: []byte(text)}})
	if len(ds) > 0 {
		t.Fatalf("%s\n%s", text, ds.Error())
	}
	return p
}

// with returns a policy where one key has a value, or is absent where the value is empty,
// among all keys that must stand beside it.
func with(k *keyword, value string) string {
	path := strings.TrimSuffix(strings.TrimSuffix(k.Path, k.Name()), ".")
	var fields []string
	for _, f := range sectionOf(path).words {
		switch {
		case f == k && value != "":
			fields = append(fields, f.Name()+": "+value)
		case f != k && f.Required && k.Path+f.Name() != "zones[].mapfrom":
			fields = append(fields, f.Name()+": "+f.Example)
		}
	}
	switch k.Path {
	case "zones[].map":
		fields = append(fields, "from: 10.9.8.0/24")
	case "services[].laddrs":
		fields = append(fields, "mode: fullnat")
		if value == "" {
			fields = append(fields, "laddrs: 192.168.1.250")
		}
	case "services[].mode":
		if value == string(FullNAT) {
			fields = append(fields, "laddrs: 192.168.1.250")
		}
	}
	m := "{" + strings.Join(fields, ", ") + "}"
	const zones = "zones: [{name: office, from: 10.1.0.0/16, action: accept}]"
	const services = "services: [{name: web, vip: 203.0.113.1, ports: tcp/80"
	switch path {
	case "":
		return m
	case "laddrs":
		return "{version: 1, laddrs: " + m + "}"
	case "laddrs.NAME":
		return "{version: 1, laddrs: {NAME: " + m + "}}"
	case "laddrs.NAME.addresses[]":
		return "{version: 1, laddrs: {NAME: [" + m + "]}}"
	case "services[].persistence":
		return "{version: 1, " + services + ", persistence: " + m + "}]}"
	case "services[].real_servers[]":
		return "{version: 1, " + services + ", real_servers: [" + m + "]}]}"
	case "tests[]":
		return "{version: 1, " + zones + ", " + services + "}], tests: [" + m + "]}"
	case "tests[].expect":
		return "{version: 1, " + zones + ", " + services + "}], tests: [{from: 10.0.0.1, to: 8.8.8.8, proto: udp, expect: " + m + "}]}"
	case "gateway":
		return "{version: 1, gateway: " + m + "}"
	}
	return "{version: 1, " + strings.TrimSuffix(path, "[]") + ": [" + m + "]}"
}

// TestCodes holds the list of codes against the source, the table of the language and the
// golden cases.
func TestCodes(t *testing.T) {
	var listed []string
	for _, c := range Codes() {
		listed = append(listed, c.Code)
	}
	if diff := cmp.Diff(codesIn(t, "*.go", `"([A-Z]\d\d)"`), listed); diff != "" {
		t.Errorf("codes (-used +listed):\n%s", diff)
	}
	cases := codesIn(t, "testdata/*.txtar", `\[([A-Z]\d\d)\]`)
	cases = append(cases, "S19")      // takes a million ports: load_test.go
	for _, code := range listed[1:] { // F01 is of no key and no file
		if !slices.ContainsFunc(language, func(k keyword) bool { return slices.Contains(k.Errors, code) }) {
			t.Errorf("no key may get %s", code)
		}
		if !slices.Contains(cases, code) {
			t.Errorf("no golden case shows %s", code)
		}
	}
	for _, k := range language {
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
		if strings.HasSuffix(file, "_test.go") || file == "codes.go" || file == "language.go" {
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
	for i := range language {
		k := &language[i]
		if !k.List {
			continue
		}
		_, ds := Parse([]Source{{Name: "policy.yaml", Data: []byte(with(k, "[]"))}})
		if empty := ds.Err() == nil; empty != k.Empty {
			t.Errorf("%s: the list may be empty: %v, the table says %v: %v", k.Path, empty, k.Empty, ds)
		}
	}
}

// TestKeys holds that every key of the language is among those of its mapping, in order.
func TestKeys(t *testing.T) {
	next := map[string]int{}
	for i := range language {
		k := &language[i]
		path := strings.TrimSuffix(strings.TrimSuffix(k.Path, k.Name()), ".")
		if path == "laddrs" {
			continue // names of the operator's
		}
		if keys := Keys(path); next[path] >= len(keys) || keys[next[path]] != k.Name() {
			t.Errorf("Keys(%q) is %v, and %s is not its key %d", path, keys, k.Path, next[path])
		}
		next[path]++
	}
	for _, path := range []string{"laddrs", "zones", "nothing", "zones[].from"} {
		if keys := Keys(path); keys != nil {
			t.Errorf("Keys(%q) is %v", path, keys)
		}
	}
}
