package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/snatctl/snatctl/internal/kernels"
)

// outcome is what the tests said on one guest. It is written to as they run.
type outcome struct {
	guest           kernels.Guest
	uname           string
	passed, skipped int
	failed          []string
	broken          bool // a program ended badly without a test that failed, or the guest went down
	took            time.Duration
	rest            []byte // of a line
}

func (o *outcome) bad() bool { return o.broken || len(o.failed) > 0 }

// verdict matches the line that a test ends with; those of its parts are indented.
var verdict = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+)`)

// Write counts the tests in what go test -v prints.
func (o *outcome) Write(p []byte) (int, error) {
	o.rest = append(o.rest, p...)
	for {
		line, rest, whole := bytes.Cut(o.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		o.rest = rest
		m := verdict.FindSubmatch(line)
		switch {
		case m == nil:
		case string(m[1]) == "PASS":
			o.passed++
		case string(m[1]) == "SKIP":
			o.skipped++
		default:
			o.failed = append(o.failed, string(m[2]))
			fmt.Printf("  failed: %s\n", m[2])
		}
	}
}

func rows(all []outcome) table.Writer {
	t := table.NewWriter()
	t.AppendHeader(table.Row{"kernel", "nft", "passed", "failed", "skipped", "which failed"})
	for _, o := range all {
		which := strings.Join(o.failed, ", ")
		if o.broken {
			which = strings.TrimPrefix(which+", and the guest did not get to the end", ", and ")
		}
		t.AppendRow(table.Row{o.guest.Kernel.Kernel, o.guest.Userland.NFT, o.passed, len(o.failed), o.skipped, which})
	}
	return t
}

// The table's place in the document.
const begin, end = "<!-- results: make kernels -->\n", "<!-- end of results -->\n"

func writeDoc(name string, all []outcome) error {
	doc, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(doc), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q to write the table between", name, begin, end)
	}
	return os.WriteFile(name, []byte(head+begin+"\n"+rows(all).RenderMarkdown()+"\n\n"+end+tail), 0o644)
}
