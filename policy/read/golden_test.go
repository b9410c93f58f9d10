package read

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
)

// TestDiagnostics parses the policies of testdata. Each archive is one policy of one or
// more files, and all that is said about it.
func TestDiagnostics(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, input []golden.File) []golden.File {
		var srcs []policy.Source
		for _, f := range input {
			srcs = append(srcs, policy.Source(f))
		}
		p, ds := Parse(srcs)
		if (p == nil) != (ds.Err() != nil) {
			t.Errorf("the policy is %v, the error %v", p, ds.Err())
		}
		checkPositions(t, srcs, ds)
		return []golden.File{{Name: "want", Data: []byte(render(ds))}}
	})
}

// render writes diagnostics as the golden files hold them.
func render(ds policy.Diagnostics) string {
	if len(ds) == 0 {
		return "no findings\n"
	}
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.String() + "\n")
		if d.Hint != "" {
			b.WriteString("    " + d.Hint + "\n")
		}
	}
	return b.String()
}

// checkPositions fails where a diagnostic does not lie inside its file.
func checkPositions(t *testing.T, srcs []policy.Source, ds policy.Diagnostics) {
	t.Helper()
	lines := make(map[string][]string)
	for _, src := range srcs {
		text := strings.TrimPrefix(string(src.Data), "\ufeff")
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
		lines[src.Name] = strings.Split(text, "\n")
	}
	for _, d := range ds {
		file, ok := lines[d.Pos.File]
		if !ok || d.Pos.Line < 1 || d.Pos.Line > len(file) || d.Pos.Col < 1 || d.Pos.Col > len([]rune(file[d.Pos.Line-1]))+1 {
			t.Errorf("%v lies outside of its file", d)
		}
		if d.Msg == "" || strings.Contains(d.Msg, "\n") || d.Code == "" {
			t.Errorf("%#v is no good diagnostic", d)
		}
	}
}
