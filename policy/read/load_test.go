package read

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/snatctl/snatctl/policy"
)

func TestValidPolicies(t *testing.T) {
	files, err := filepath.Glob("../../testdata/valid/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies to test with: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			p, ds := Load([]string{file}, nil)
			if len(ds) > 0 || p == nil {
				t.Fatalf("Load gave the policy %v and\n%v", p, ds)
			}
		})
	}
}

func TestInvalidPolicies(t *testing.T) {
	files, err := filepath.Glob("../../testdata/invalid/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies to test with: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if p, ds := Load([]string{file}, nil); p != nil || ds.Err() == nil {
				t.Fatalf("Load gave the policy %v and %v, want an error", p, ds)
			}
		})
	}
}

// names returns the names of the zones, in their order.
func names(p *policy.Policy) (out []string) {
	for _, z := range p.Zones {
		out = append(out, z.Name)
	}
	return out
}

func zone(name, from string) []byte {
	return []byte("version: 1\nzones: [{name: " + name + ", from: " + from + ", action: drop}]\n")
}

func TestLoadJoinsInOrder(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"20.yaml": zone("b", "10.2.0.0/16"), "10.yml": zone("a", "10.1.0.0/16"), "30.txt": []byte("{"), "sub.yaml/40.yaml": []byte("{"),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	single := filepath.Join(dir, "30.conf")
	if err := os.WriteFile(single, zone("c", "10.3.0.0/16"), 0o666); err != nil {
		t.Fatal(err)
	}
	p, ds := Load([]string{single, "-", dir}, bytes.NewReader(zone("stdin", "10.4.0.0/16")))
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	if diff := cmp.Diff([]string{"c", "stdin", "a", "b"}, names(p)); diff != "" {
		t.Errorf("zones (-want +got):\n%s", diff)
	}
	if got, want := p.Zones[1].Pos.String(), "<stdin>:2:16"; got != want {
		t.Errorf("the zone of standard input is at %s, want %s", got, want)
	}
}

func TestLoadUnreadable(t *testing.T) {
	empty := t.TempDir()
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("version: 2\nzones: [{name: a, from: 10.0.0.0/8, laddrs: elsewhere}]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	p, ds := Load([]string{empty, "nosuchfile.yaml", bad, "-"}, iotest.ErrReader(os.ErrDeadlineExceeded))
	if p != nil {
		t.Errorf("Load gave the policy %v, want none", p)
	}
	var got []string
	for _, d := range ds {
		got = append(got, strings.NewReplacer(empty, "EMPTY", bad, "BAD").Replace(d.String()))
	}
	want := []string{
		"EMPTY: error: cannot read the policy: the directory has no *.yaml or *.yml files [F01]",
		"BAD:1:10: error: version: this snatctl does not know version 2 of the policy language [N03]",
		"<stdin>: error: cannot read the policy: i/o timeout [F01]",
		"nosuchfile.yaml: error: cannot read the policy: no such file or directory [F01]",
	}
	less := func(a, b string) bool { return a < b }
	if diff := cmp.Diff(want, got, cmpSorted(less)); diff != "" {
		t.Errorf("diagnostics (-want +got):\n%s", diff)
	}
	if p, ds := Load(nil, nil); p != nil || ds.Err() == nil {
		t.Errorf("Load of nothing gave %v and %v, want an error", p, ds)
	}
	if p, ds := Load([]string{"-"}, nil); p != nil || ds.Err() == nil {
		t.Errorf("Load without standard input gave %v and %v, want an error", p, ds)
	}
}

// TestBytes tries what a txtar file cannot hold.
func TestBytes(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{"version: 1\nz\xff: 1\n", `f:2:2: error: byte 0xff is not UTF-8 [N03]`},
		{"version: 1 # \x00\n", `f:1:14: error: a NUL byte stands in the file [N03]`},
		{"version: 1\r\n# \x1b[0m\r\n", `f:2:3: error: the control character U+001B [N03]`},
		{"version: 1\n# a\u2028b\n", `f:2:4: error: the character U+2028, which YAML takes for the end of a line [N03]`},
		{"\xff\xfev\x00e\x00r\x00", `f:1:1: error: byte 0xff is not UTF-8 [N03]`},
		{"\ufeffversion: 2\r\n", `f:1:10: error: version: this snatctl does not know version 2 of the policy language [N03]`},
		{"version: 1\rzones: 1\r", `f:2:8: error: zones: must be a list, not "1" [N03]`},
		{strings.Repeat("[", 20000), `f:1:1: error: not valid YAML: exceeded max depth of 10000 [N03]`},
		{"version: 1\nzones: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "\n",
			`f:2:9: error: zone: must be a mapping with name and so on, not a list [N03]`},
	} {
		p, ds := Parse([]policy.Source{{Name: "f", Data: []byte(c.data)}})
		if p != nil || ds.Error() != c.want {
			t.Errorf("%.40q gave %v\n%v\nwant\n%s", c.data, p, ds, c.want)
		}
	}
	if p, ds := Parse([]policy.Source{{Name: "f", Data: []byte("\ufeffversion: 1\r\n")}}); p == nil {
		t.Errorf("a byte order mark and CRLF gave %v", ds)
	}
}

// TestAliasesAreBounded holds that what aliases stand for is limited in all, with and
// without nesting, so that the size of a file bounds the work it makes.
func TestAliasesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nladdrs:\n  p: &big [" + strings.Repeat("198.51.100.1, ", 20000) + "198.51.100.1]\n")
	for i := range 1000 {
		b.WriteString("  q" + strings.Repeat("x", i%50) + string(rune('a'+i/50)) + ": *big\n")
	}
	p, ds := Parse([]policy.Source{{Name: "f", Data: []byte(b.String())}})
	if p != nil || !strings.Contains(ds.Error(), "the aliases of this file expand to more than 100000 values [N03]") {
		t.Errorf("got %v and %.300v", p != nil, ds)
	}
}

// TestClaimsAreBounded holds that VIPs times ports cannot fill the memory.
func TestClaimsAreBounded(t *testing.T) {
	var vips, ports []string
	for i := range 2000 {
		vips = append(vips, fmt.Sprintf("203.0.%d.%d", i/250, i%250+1))
		ports = append(ports, fmt.Sprintf("tcp/%d", i+1))
	}
	text := "version: 1\nservices: [{name: s, vip: [" + strings.Join(vips, ", ") + "], ports: [" + strings.Join(ports, ", ") + "]}]\n"
	p, ds := Parse([]policy.Source{{Name: "f", Data: []byte(text)}})
	if p != nil || len(ds) != 1 || ds[0].Code != "S19" {
		t.Errorf("got %v and %.300v", p != nil, ds)
	}
}

// cmpSorted compares lists of strings without their order, which hangs on the names of
// temporary directories.
func cmpSorted(less func(a, b string) bool) cmp.Option { return cmpopts.SortSlices(less) }
