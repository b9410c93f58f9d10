package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// row is what the report says of one guest.
type row struct{ kernel, nft, passed, failed, skipped, which string }

func (o *outcome) row() row {
	which := strings.Join(o.failed, ", ")
	if o.broken {
		which = strings.TrimPrefix(which+", and the guest did not get to the end", ", and ")
	}
	return row{o.guest.Kernel.Kernel, o.guest.Userland.NFT, fmt.Sprint(o.passed), fmt.Sprint(len(o.failed)), fmt.Sprint(o.skipped), which}
}

// render lays rows out as a table, oldest kernel first.
func render(rows []row) table.Writer {
	t := table.NewWriter()
	t.AppendHeader(table.Row{"kernel", "nft", "passed", "failed", "skipped", "which failed"})
	slices.SortFunc(rows, func(a, b row) int {
		return slices.Compare(append(numbers(a.kernel), numbers(a.nft)...), append(numbers(b.kernel), numbers(b.nft)...))
	})
	for _, r := range rows {
		t.AppendRow(table.Row{r.kernel, r.nft, r.passed, r.failed, r.skipped, r.which})
	}
	return t
}

func numbers(version string) (out []int) {
	for _, part := range strings.Split(version, ".") {
		n := 0
		fmt.Sscan(part, &n)
		out = append(out, n)
	}
	return out
}

// The table's place in the document.
const begin, end = "<!-- results: make kernels -->\n", "<!-- end of results -->\n"

// writeDoc puts rows into the document's table, in place of those of the same kernel and nft.
func writeDoc(name string, rows []row) error {
	doc, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(doc), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q to write the table between", name, begin, end)
	}
	for line := range strings.Lines(old) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 6 || numbers(strings.TrimPrefix(cells[0], "| "))[0] == 0 {
			continue // not a row
		}
		r := row{strings.TrimPrefix(cells[0], "| "), cells[1], cells[2], cells[3], cells[4], strings.TrimSpace(strings.TrimSuffix(cells[5], "|"))}
		if !slices.ContainsFunc(rows, func(n row) bool { return n.kernel == r.kernel && n.nft == r.nft }) {
			rows = append(rows, r)
		}
	}
	return os.WriteFile(name, []byte(head+begin+"\n"+render(rows).RenderMarkdown()+"\n\n"+end+tail), 0o644)
}
