package nftlink

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

var seeds = flag.Bool("seeds", false, "write what the kernel returns for a golden case into the fuzz corpus of package wire")

// dumped is what a kernel returns for one table, message by message, behind the nfgenmsg.
type dumped struct{ sets, elements, rules [][]byte }

// dumpAfter loads a script by nft into a namespace and dumps the table.
func dumpAfter(t *testing.T, h *nstest.Host, table, script string) (d dumped) {
	t.Helper()
	if r, err := h.RunInput(t.Context(), script, "nft", "-f", "-"); err != nil || r.Code != 0 {
		t.Fatalf("nft -f: %v, exit status %d: %s", err, r.Code, r.Stderr)
	}
	var c *Conn
	err := h.Do(func() (err error) {
		c, err = Open()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	collect := func(into *[][]byte, typ uint16, request []byte) {
		if err := c.dump(t.Context(), typ, request, func(b []byte) error { *into = append(*into, slices.Clone(b)); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	named := nfnl.AppendString(nil, unix.NFTA_TABLE_NAME, table)
	collect(&d.sets, unix.NFT_MSG_GETSET, named)
	for _, s := range d.sets {
		name := (&nfnl.Attrs{Val: nfnl.Find(s, unix.NFTA_SET_NAME)}).Str()
		collect(&d.elements, unix.NFT_MSG_GETSETELEM, nfnl.AppendString(slices.Clone(named), unix.NFTA_SET_ELEM_LIST_SET, name))
	}
	collect(&d.rules, unix.NFT_MSG_GETRULE, named)
	return d
}

// The userdata that we give a set is the very bytes that nft gives it.
func TestUserdataIsNfts(t *testing.T) {
	t.Parallel()
	h := nstest.NewHost(t, "gateway")
	paths, err := filepath.Glob("../../compiler/testdata/compile/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	rulesets := map[string]*nft.Ruleset{"all objects": sample.Using(sample.Objects())}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := read.Parse([]policy.Source{policy.Source(archive.Files[0])})
		if r, _ := compiler.Compile(p); r != nil {
			rulesets[path] = r
		}
	}
	compared := 0
	for path, r := range rulesets {
		var script strings.Builder
		if err := r.WriteScript(&script); err != nil {
			t.Fatal(err)
		}
		for _, b := range dumpAfter(t, h, r.Table, script.String()).sets {
			s, anonymous := wire.DecodeSet(b)
			if anonymous {
				continue
			}
			compared++
			want := r.Set(s.Name)
			ours := wire.Userdata(want)
			// Where a concatenation is declared by types, nft keeps a typeof without members for
			// it, which says nothing. It stands before the interval flag, which maps have last.
			before := len(ours) - 6
			if want.Data == nft.NoData {
				before = len(ours)
			}
			const keyTypeof, dataTypeof, exprConcat = 3, 4, 13 // see wire/userdata.go
			for _, part := range []struct {
				typ     byte
				members []nft.Type
			}{{keyTypeof, want.Key}, {dataTypeof, want.Data.Members()}} {
				if len(part.members) > 1 && !want.Typeof() {
					ours = slices.Insert(ours, before, part.typ, 8, 0, 4, exprConcat, 0, 0, 0, 1, 0)
					before += 10
				}
			}
			if theirs := nfnl.Find(b, unix.NFTA_SET_USERDATA); !slices.Equal(theirs, ours) {
				t.Errorf("%s: nft gives %s the userdata\n%x\nwe\n%x", path, s.Name, theirs, ours)
			}
		}
	}
	if compared < 10 {
		t.Errorf("only %d sets are compared", compared)
	}
}

// TestSeeds writes the corpus where -seeds asks for it. It is a test since it needs a kernel.
func TestSeeds(t *testing.T) {
	if !*seeds {
		t.Skip("writes files only with -seeds")
	}
	h := nstest.NewHost(t, "gateway")
	const name = "everything-at-once"
	archive, err := txtar.ParseFile("../../compiler/testdata/compile/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	d := dumpAfter(t, h, "snatctl", string(archive.Files[len(archive.Files)-1].Data))
	writeSeeds(t, "FuzzDeclaration", name, d.sets)
	writeSeeds(t, "FuzzElements", name, d.elements)
	writeSeeds(t, "FuzzRule", name, d.rules)
}

func writeSeeds(t *testing.T, target, name string, messages [][]byte) {
	t.Helper()
	dir := filepath.Join("../wire/testdata/fuzz", target)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for i, m := range messages {
		text := fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", m)
		if target == "FuzzElements" {
			text += fmt.Sprintf("byte('\\x%02x')\n", i%256)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%02d", name, i)), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
