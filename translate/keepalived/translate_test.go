package keepalived

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

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

// TestTranslate holds the policy and the report of samples of every construct.
func TestTranslate(t *testing.T) {
	golden.Run(t, "testdata/translate/*.txtar", func(t *testing.T, input []golden.File) (out []golden.File) {
		src, id, files := archived(input)
		r := sound(t, src, Options{ID: id, Files: files})
		if r == nil {
			return nil
		}
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
