package docscheck

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/snatctl/snatctl/"

// arrow is a row of the table of packages in ARCHITECTURE.md: package, contents, imports.
var (
	arrow  = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|[^|]*\\|([^|]*)\\|$")
	quoted = regexp.MustCompile("`([^`]+)`")
)

// TestArrows holds the imports of every package against ARCHITECTURE.md. Tests may import
// what they like.
func TestArrows(t *testing.T) {
	allowed := map[string][]string{} // packages that a package may import; nil: any
	rows := arrow.FindAllStringSubmatch(text(t, "ARCHITECTURE.md"), -1)
	if len(rows) < 6 {
		t.Fatalf("ARCHITECTURE.md has a table of %d packages only", len(rows))
	}
	for _, row := range rows {
		allowed[row[1]] = nil
		if strings.Contains(row[2], "all") {
			continue
		}
		allowed[row[1]] = []string{}
		for _, q := range quoted.FindAllStringSubmatch(row[2], -1) {
			allowed[row[1]] = append(allowed[row[1]], q[1])
		}
	}
	for pkg, imports := range packages(t) {
		row := pkg
		if strings.HasPrefix(pkg, "internal/") {
			row = "internal/…"
		}
		may, known := allowed[row]
		if !known {
			t.Errorf("ARCHITECTURE.md does not list the package %s", pkg)
			continue
		}
		for _, imp := range imports {
			if strings.HasPrefix(imp, "internal/") {
				imp = "internal/…"
			}
			if may != nil && !slices.Contains(may, imp) || may == nil && row != "internal/…" && imp == "internal/…" {
				t.Errorf("%s imports %s, which ARCHITECTURE.md does not allow", pkg, imp)
			}
		}
	}
}

// packages returns what each package of the repository imports of the others, without tests.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin" || p == filepath.Join(root, "examples")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(p))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		if _, ok := out[pkg]; !ok {
			out[pkg] = nil
		}
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if imp, ours := strings.CutPrefix(name, module); ours {
				out[pkg] = append(out[pkg], imp)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
