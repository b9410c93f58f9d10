package docscheck

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pure lists the packages that read no clock, file, environment or kernel and start no
// goroutine, with all that they import beside the project's own. `time` is for durations.
var pure = map[string][]string{
	"agent/balance": {"cmp", "math", "net/netip", "slices", "time"},
	"ct":            {"cmp", "encoding/binary", "errors", "fmt", "iter", "maps", "math/bits", "net/netip", "slices", "strconv", "strings", "time", "unicode/utf8"},
	"fleet": {"bytes", "compress/gzip", "crypto/sha256", "encoding/hex", "encoding/json", "errors", "fmt", "hash/crc32", "io", "net/url", "slices", "strings", "time",
		"unicode", "unicode/utf8"},
	"inet":              {"cmp", "container/heap", "errors", "fmt", "math/big", "net/netip", "slices", "strconv", "strings"},
	"nfnl":              {"encoding/binary", "errors", "golang.org/x/sys/unix"},
	"nft":               {"bufio", "cmp", "encoding/binary", "encoding/hex", "errors", "fmt", "hash/maphash", "io", "iter", "math/bits", "net/netip", "slices", "strconv", "strings", "time"},
	"nft/wire":          {"cmp", "encoding/binary", "fmt", "hash/maphash", "slices", "strconv", "strings", "time", "github.com/google/nftables/expr", "golang.org/x/sys/unix"},
	"compiler":          {"cmp", "encoding/binary", "fmt", "hash/fnv", "maps", "math/bits", "net/netip", "slices", "strconv", "strings", "time"},
	"compiler/layout":   {"cmp", "fmt", "slices", "strconv", "strings"},
	"compiler/readback": {"cmp", "encoding/binary", "maps", "net/netip", "slices", "strconv", "strings"},
	"compiler/tell":     {"cmp", "fmt", "maps", "net/netip", "slices", "strconv", "strings"},
	"policy/format":     {"bytes", "fmt", "regexp", "slices", "sort", "strconv", "strings", "unicode", "unicode/utf8", "gopkg.in/yaml.v3"},
	"policy/lint":       {"cmp", "embed", "fmt", "math", "net/netip", "slices", "sort", "strconv", "strings", "sync", "time", "github.com/rogpeppe/go-internal/txtar"},
	"policy/rfc":        {"fmt", "net/netip", "slices", "strings", "time"},
	"policy/findings": {"bufio", "bytes", "cmp", "crypto/sha256", "encoding/hex", "encoding/json", "encoding/xml", "errors", "fmt", "io", "maps", "net/url", "path", "regexp",
		"slices", "strconv", "strings", "unicode", "github.com/mattn/go-runewidth"},
	"translate":         {"cmp", "errors", "fmt", "net/netip", "regexp", "slices", "strings", "time", "gopkg.in/yaml.v3"},
	"translate/ipvsadm": {"cmp", "errors", "fmt", "net/netip", "path", "regexp", "slices", "strconv", "strings", "sync", "time", "unicode", "unicode/utf8", "mvdan.cc/sh/v3/syntax"},
	"policy":            {"bytes", "cmp", "crypto/sha256", "encoding/hex", "fmt", "hash/fnv", "maps", "math/big", "math/bits", "net/netip", "slices", "sort", "strconv", "strings", "time"},
	"policy/words":      {"bytes", "encoding/json", "fmt", "regexp", "slices", "strconv", "strings", "time", "gopkg.in/yaml.v3"},
	"policy/read": {"bytes", "errors", "fmt", "io", "iter", "maps", "math", "net/netip", "regexp", "slices", "sort", "strconv", "strings", "time",
		"unicode/utf8", "gopkg.in/yaml.v3"},
}

// loading is what one file alone may import: the one that reads policies.
var loading = struct {
	file    string
	imports []string
}{"policy/read/files.go", []string{"io/fs", "os", "path/filepath"}}

func TestPurePackages(t *testing.T) {
	for dir, may := range pure {
		p, err := build.ImportDir(filepath.Join(root, dir), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range p.GoFiles {
			name := dir + "/" + file
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(root, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range f.Imports {
				path := strings.Trim(i.Path.Value, `"`)
				if strings.HasPrefix(path, module) || slices.Contains(may, path) || name == loading.file && slices.Contains(loading.imports, path) {
					continue
				}
				t.Errorf("%s imports %s: does it still read no clock, file, environment or kernel?", name, path)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s starts a goroutine", fset.Position(n.Pos()))
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Sleep", "Tick", "NewTimer", "NewTicker"}, n.Sel.Name) {
						t.Errorf("%s reads the clock", fset.Position(n.Pos()))
					}
				}
				return true
			})
		}
	}
}
