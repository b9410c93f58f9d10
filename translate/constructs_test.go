package translate

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/golden"
)

const (
	page  = "../docs/migrate.md"
	begin = "<!-- The table is made from translate/constructs*.go: change it there, and run `make docs`. -->\n"
	end   = "<!-- end of the table -->\n"
)

// TestTableOfConstructs makes the table in docs/migrate.md; -update writes it.
func TestTableOfConstructs(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table of constructs", page)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s\n| code | construct | of | carried over | what becomes of it | what is lost |\n|---|---|---|---|---|---|\n", before, begin)
	for _, c := range Constructs() {
		fate := c.Fate.String()
		if c.Quiet {
			fate += ", for information"
		}
		cells := []string{c.Code, c.Written, c.Of, fate, c.Becomes, c.Loses}
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintf(&b, "\n%s%s", end, after)
	golden.Text(t, page, b.Bytes())
}

// TestConstructs: a code stands for one row, which says all that a report needs.
func TestConstructs(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range Constructs() {
		switch {
		case c.Code != "" && seen[c.Code]:
			t.Errorf("%s is there twice", c.Code)
		case c.Code == "" && c.Fate != Whole:
			t.Errorf("%q is %s, and has no code", c.Written, c.Fate)
		case c.Fate == 0, c.Becomes == "", c.Written == "", c.Of == "":
			t.Errorf("%s %q says too little", c.Code, c.Written)
		case strings.HasSuffix(c.Becomes, "."), strings.HasSuffix(c.Loses, "."):
			t.Errorf("%s: reports add more behind what becomes of it: no full stop", c.Code)
		}
		seen[c.Code] = true
	}
}
