package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/kernels"
)

const printed = `=== RUN   TestA
--- PASS: TestA (0.01s)
    --- FAIL: TestA/part (0.01s)
--- FAIL: TestB (0.01s)
--- SKIP: TestC (0.00s)
    x_test.go:1: --- PASS: TestD
FAIL
`

func TestOutcome(t *testing.T) {
	var o outcome
	for i := range printed {
		if n, err := o.Write([]byte(printed[i : i+1])); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if o.passed != 1 || o.skipped != 1 || !slices.Equal(o.failed, []string{"TestB"}) || !o.bad() {
		t.Errorf("counted %+v", o)
	}
}

func TestWriteDoc(t *testing.T) {
	name := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(name, []byte("before\n"+begin+"\n| kernel | nft | passed | failed | skipped | which failed |\n| --- | --- | --- | --- | --- | --- |\n| 10.0 | 1.0.6 | 5 | 0 | 0 |  |\n| 6.1 | 1.0.6 | 6 | 0 | 0 | old |\n"+end+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	g, err := kernels.Find("6.1", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := writeDoc(name, []row{(&outcome{guest: g, passed: 7, failed: []string{"TestB"}, broken: true}).row()}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	doc := string(b)
	if err != nil || !strings.HasPrefix(doc, "before\n"+begin) || !strings.HasSuffix(doc, end+"after\n") || strings.Contains(doc, "old") ||
		!strings.Contains(doc, "| 6.1 | 1.0.6 | 7 | 1 | 0 | TestB, and the guest did not get to the end |\n| 10.0 | 1.0.6 | 5 | 0 | 0 |  |\n") {
		t.Errorf("the document is (%v)\n%s", err, doc)
	}
	if err := os.WriteFile(name, []byte("no marks\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeDoc(name, nil); err == nil {
		t.Error("a document without marks is no error")
	}
}
