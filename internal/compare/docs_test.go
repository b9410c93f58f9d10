package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
)

// known is a run of each kind, with one contender who needs long and one who cannot.
var known = runs{
	"services": {When: time.Date(2030, 1, 2, 3, 4, 0, 0, time.UTC), Command: "make compare", Machine: "2 processors.", Rounds: 3, Results: []result{
		{Contender: "IPVS", Size: 10, Why: "not in this kernel"},
		{Contender: ours, Size: 10, Measure: "load", Values: lab.Series{1, 2, 3}},
		{Contender: ours, Size: 1000, Measure: "load", Values: lab.Series{2, 4, 9}},
		{Contender: "nftlb", Size: 10, Measure: "load", Values: lab.Series{2, 6, 3}},
		{Contender: "nftlb", Size: 1000, Measure: "load", Values: lab.Series{40}},
	}},
	"zones": {Results: []result{
		{Contender: ours, Size: 5000, Measure: "udp last", Values: lab.Series{180000}},
		{Contender: "iptables-nft", Size: 5000, Measure: "udp last", Values: lab.Series{100000}},
	}},
}

func TestWriteDocs(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "compare.md")
	if err := os.WriteFile(name, []byte("before\n"+begin+"old\n"+end+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeDocs(dir, known); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	if !strings.HasPrefix(doc, "before\n"+begin) || !strings.HasSuffix(doc, end+"after\n") || strings.Contains(doc, "old") {
		t.Errorf("what stands around the marks has changed, or what stood between them has not:\n%s", doc)
	}
	for _, want := range []string{
		"| snatctl | 2.00 s | 4.00 s |",
		"| nftlb | 3.00 s (2.00) | 40.00 s (10) |", // rounds 2, 3, 1; then one round by the median of three
		"| IPVS | not in this kernel |",
		"| 5000 | – | – | 1.80 | – | – | – | – | – |",
		"| services | 2030-01-02 03:04, `make compare`, up to 3 rounds. 2 processors. |",
		"(compare-load.svg)",
	} {
		if !strings.Contains(doc, want) {
			t.Errorf("the document lacks %q:\n%s", want, doc)
		}
	}
	if strings.Contains(doc, "compare-change.svg") {
		t.Error("the document shows a plot of which nothing is known")
	}
	if err := os.WriteFile(name, []byte("no marks\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeDocs(dir, known); err == nil {
		t.Error("a document without marks is no error")
	}
}

// Plots are well-formed, have every line, and names that stand apart.
func TestChart(t *testing.T) {
	c := chart{title: "a < b", x: "services", format: seconds}
	for hue, name := range []string{ours, "one", "two", "three & four"} {
		c.lines = append(c.lines, line{name, hue, []point{{10, 1}, {1000, 2 + float64(hue)/100}}})
	}
	picture := c.svg()
	var labels []string
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, picture)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "text" {
			for _, a := range e.Attr {
				if a.Name.Local == "class" && strings.HasPrefix(a.Value, "f") {
					labels = append(labels, e.Attr[len(e.Attr)-1].Value)
				}
			}
		}
	}
	if len(labels) != 4 {
		t.Fatalf("%d lines have names, want 4", len(labels))
	}
	seen := map[string]bool{}
	for _, y := range labels {
		if seen[y] {
			t.Errorf("two names stand at height %s", y)
		}
		seen[y] = true
	}
	if (chart{}).svg() != "" {
		t.Error("a chart without lines is drawn")
	}
}

func TestRunsAreKept(t *testing.T) {
	name := filepath.Join(t.TempDir(), "runs.json")
	if r, err := readRuns(name); err != nil || len(r) != 0 {
		t.Fatalf("no file holds %v (%v)", r, err)
	}
	if err := known.write(name); err != nil {
		t.Fatal(err)
	}
	r, err := readRuns(name)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := r["services"].find("nftlb", "load", 10); len(v) != 3 || v[1] != 6 {
		t.Errorf("what was kept reads back as %v", v)
	}
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		o    options
		want string
	}{
		{options{rounds: defaultRounds, snatctl: "/a/path", docs: "docs"}, "make compare"},
		{options{rounds: 5, quick: true, only: "zones"}, "make compare COMPARE_FLAGS='-n 5 -quick -only zones'"},
	} {
		if got := c.o.String(); got != c.want {
			t.Errorf("the command is %q, want %q", got, c.want)
		}
	}
}
