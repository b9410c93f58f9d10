package keepalived

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/format"
	"github.com/snatctl/snatctl/policy/read"
	"github.com/snatctl/snatctl/translate"
)

// sound holds what must be so of every result.
func sound(t *testing.T, src policy.Source, o Options) *translate.Result {
	t.Helper()
	out, err := Translate(src, o)
	if err != nil {
		if ps := translate.Problems(err); len(ps) != 1 || ps[0].Line == 0 {
			t.Errorf("the error %v has no place", err)
		}
		return nil
	}
	again, err := Translate(src, o)
	if err != nil || !bytes.Equal(out.Policy, again.Policy) || fmt.Sprint(out.Report) != fmt.Sprint(again.Report) || !bytes.Equal(out.Rest, again.Rest) {
		t.Errorf("translated twice it is another, %v", err)
	}
	written := policy.Source{Name: "policy.yaml", Data: out.Policy}
	if same, diag := format.Format(written); diag != nil || !bytes.Equal(same, out.Policy) {
		t.Errorf("fmt changes the policy: %v\n%s", diag, out.Policy)
	}
	if _, ds := read.Parse([]policy.Source{written}); ds.Err() != nil {
		t.Errorf("the policy has errors: %v\n%s", ds, out.Policy)
	}
	if len(out.Rest) > 0 {
		tree, err := Read(policy.Source{Name: "rest", Data: out.Rest}, "", nil)
		if err != nil {
			t.Fatalf("what keepalived keeps cannot be read: %v\n%s", err, out.Rest)
		}
		if again := rest("", tree.Statements); !bytes.Equal(again[bytes.Index(again, []byte("\n\n")):], out.Rest[bytes.Index(out.Rest, []byte("\n\n")):]) {
			t.Errorf("what keepalived keeps is read as something else:\n%s\n%s", out.Rest, again)
		}
	}
	return out
}

// entered holds that every word of every line is in the ledger, at its place: Ledger.Close reports
// those that nobody accounted for.
func entered(t *testing.T, input []golden.File) {
	t.Helper()
	src, id, files := archived(input)
	tree, err := Read(src, id, files)
	if err != nil {
		t.Fatal(err)
	}
	have := make(map[translate.Place]string)
	last := tree.Ledger.Enter(translate.Place{}, "")
	for w := range last {
		have[tree.Ledger.Place(w)] += " " + tree.Ledger.Text(w)
	}
	for _, f := range input {
		if !slices.Contains(tree.Files, f.Name) {
			continue
		}
		for i, line := range strings.Split(string(f.Data), "\n") {
			at := translate.Place{File: f.Name, Line: i + 1}
			for _, word := range strings.FieldsFunc(decomment(ascii.Replace(line)), func(r rune) bool { return strings.ContainsRune(" \t{}\"\\", r) }) {
				if strings.Contains(word, "$") { // what it stands for is there
					continue
				}
				if !strings.Contains(have[at], word) {
					t.Errorf("%s: %q is not in the ledger, which has%s", at, word, have[at])
				}
			}
		}
	}
}

// TestTranslate holds the policy and the report of samples of every construct.
func TestTranslate(t *testing.T) {
	golden.Run(t, "testdata/translate/*.txtar", func(t *testing.T, input []golden.File) (out []golden.File) {
		src, id, files := archived(input)
		r := sound(t, src, Options{ID: id, Files: files})
		if r == nil {
			return nil
		}
		if n := r.Report.Unaccounted(); n > 0 && !strings.HasSuffix(t.Name(), "/odd") {
			t.Errorf("%d lines were not understood", n)
		}
		entered(t, input)
		takes(t, r.Rest)
		var b strings.Builder
		fmt.Fprintf(&b, "dialect %s, by %s\n", r.Report.Dialect, r.Report.By)
		for _, g := range r.Report.Gaps {
			fmt.Fprintln(&b, g)
		}
		for _, line := range r.Report.Summary() {
			fmt.Fprintln(&b, line)
		}
		out = append(out, golden.File{Name: "want.yaml", Data: r.Policy}, golden.File{Name: "want.report", Data: []byte(b.String())})
		if len(r.Rest) > 0 {
			out = append(out, golden.File{Name: "want.conf", Data: r.Rest})
		}
		return out
	})
}

// TestPackets sends packets through what the samples become: packets.yaml beside a sample says, as
// tests of policies do, where the old system sends them.
func TestPackets(t *testing.T) {
	if golden.Updating() {
		t.Skip("the samples have no output")
	}
	golden.Run(t, "testdata/packets/*.txtar", func(t *testing.T, input []golden.File) []golden.File {
		var tests []byte
		input = slices.DeleteFunc(input, func(f golden.File) bool {
			if f.Name == "packets.yaml" {
				tests = f.Data
			}
			return f.Name == "packets.yaml"
		})
		src, id, files := archived(input)
		r := sound(t, src, Options{ID: id, Files: files})
		if r == nil {
			t.Fatal("not translated")
		}
		p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: r.Policy}, {Name: "packets.yaml", Data: append([]byte("version: 1\n"), tests...)}})
		if ds.Err() != nil || len(p.Tests) == 0 {
			t.Fatalf("%v\n%s", ds, r.Policy)
		}
		for _, o := range p.RunTests() {
			if o.Failed() {
				t.Errorf("%s: %+v", o.Test.Name, o.Mismatches)
			}
		}
		if t.Failed() {
			t.Logf("%s", r.Policy)
		}
		return nil
	})
}

// FuzzTranslate holds of any text what sound does.
func FuzzTranslate(f *testing.F) {
	samples, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(samples) == 0 {
		f.Fatal("no samples", err)
	}
	for _, name := range samples {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(a.Files[0].Data), "gw1")
	}
	f.Fuzz(func(t *testing.T, text, id string) {
		if len(text) > 1<<16 || strings.Count(text, "~SEQ") > 2 { // many lines take their time
			t.Skip()
		}
		sound(t, policy.Source{Name: "k", Data: []byte(text)}, Options{ID: id})
	})
}
