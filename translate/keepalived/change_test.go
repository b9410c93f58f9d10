package keepalived

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
)

var (
	number10 = regexp.MustCompile(`\d+`)
	anyWord  = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_.-]*`)
)

// same are lines of samples where another word says the same.
var same = map[string]string{
	"translate/checks.txtar:147": "a password is not printed",
	"translate/dpvs.txtar:6":     "host bits, and what a range begins with, where all are any", "translate/dpvs.txtar:9": "host bits", "packets/dpvs.txtar:2": "host bits",
	"translate/group.txtar:5": "host bits", "translate/group.txtar:15": "host bits",
	"translate/language.txtar:6": "equal weights with rr",
	"translate/odd.txtar:47":     "fo looks at the order of weights", "translate/odd.txtar:49": "fo", "packets/services.txtar:49": "fo", "packets/services.txtar:50": "fo",
	"translate/quorum.txtar:40":    "a hysteresis is less than the quorum",
	"translate/snat-rules.txtar:1": "the mark is a switch alone", "packets/isps.txtar:1": "the switch", "packets/snat-rules.txtar:1": "the switch", "translate/uplinks.txtar:1": "the switch",
	"translate/snat-rules.txtar:4": "marks have no protocol", "translate/snat-rules.txtar:26": "all other words are sdh", "packets/isps.txtar:14": "sdh",
}

// TestEveryWordTells changes every number and every word of every sample, one at a time: the policy, what
// keepalived keeps or the report must tell. What does not tell would have been dropped in silence.
func TestEveryWordTells(t *testing.T) {
	if golden.Updating() {
		t.Skip("TestTranslate writes the output")
	}
	changed := 0
	for _, glob := range []string{"testdata/translate/*.txtar", "testdata/packets/*.txtar"} {
		each(t, glob, func(t *testing.T, input []golden.File) {
			src, id, files := archived(input)
			tells := func(text string) string {
				out, err := Translate(policy.Source{Name: src.Name, Data: []byte(text)}, Options{ID: id, Files: files})
				if err != nil {
					return err.Error()
				}
				return fmt.Sprint(string(out.Policy), string(out.Rest), out.Report)
			}
			text := string(src.Data)
			was := tells(text)
			try := func(at []int, with string) {
				line := strings.Count(text[:at[0]], "\n") + 1
				if before := text[strings.LastIndexByte(text[:at[0]], '\n')+1 : at[0]]; decomment(before+"x") == decomment(before) {
					return // a comment
				}
				changed++
				where := strings.TrimPrefix(strings.TrimPrefix(t.Name(), "TestEveryWordTells/"), "testdata/")
				if same[fmt.Sprintf("%s:%d", where, line)] != "" {
					return
				}
				if tells(text[:at[0]]+with+text[at[1]:]) == was {
					t.Errorf("line %d: nothing tells %s from %s", line, text[at[0]:at[1]], with)
				}
			}
			for _, at := range number10.FindAllStringIndex(text, -1) {
				n, err := strconv.Atoi(text[at[0]:at[1]])
				if err == nil {
					try(at, strconv.Itoa(n+1))
				}
			}
			for _, at := range anyWord.FindAllStringIndex(text, -1) {
				try(at, text[at[0]:at[1]]+"q")
			}
		})
	}
	if changed < 2000 {
		t.Errorf("only %d words were changed", changed)
	}
}

// each runs f for the input of every sample.
func each(t *testing.T, glob string, f func(*testing.T, []golden.File)) {
	t.Helper()
	for _, name := range samples(t, glob) {
		t.Run(name.path, func(t *testing.T) {
			f(t, slices.Clone(name.input))
		})
	}
}

// sample is the input of an archive.
type sample struct {
	path  string
	input []golden.File
}

func samples(t *testing.T, glob string) (out []sample) {
	t.Helper()
	paths, err := filepath.Glob(glob)
	if err != nil || len(paths) == 0 {
		t.Fatal("no samples", err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := sample{path: path}
		for _, f := range a.Files {
			if !strings.HasPrefix(f.Name, "want") && f.Name != "packets.yaml" {
				s.input = append(s.input, golden.File(f))
			}
		}
		out = append(out, s)
	}
	return out
}
