package view

import (
	"io"
	"strings"
	"unicode/utf8"
)

// grid is a table without lines, as ipvsadm prints: words to the left, numbers to the right.
// Its cells are names, addresses and numbers, of one column a character: there may be very many,
// and to measure more than that takes time.
type grid struct {
	titles []string
	rows   [][]string
	// paint colours a whole cell of the last column, by its row; nil: none.
	paint func(row int, cell string) string
}

// Columns are at least as wide as this, so that those of most grids are below each other.
const (
	wordWidth   = 22
	numberWidth = 11
)

// words tells whether a column holds words, by its title: the first and "busiest destination".
func (g *grid) words(column int) bool {
	return column == 0 || g.titles[column] == titleBusiest || g.titles[column] == titleHealth
}

const (
	titleBusiest = "busiest destination"
	titleHealth  = "health"
)

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// write writes the grid, nothing if it has no rows.
func (g *grid) write(w io.Writer) {
	if len(g.rows) == 0 {
		return
	}
	widths := make([]int, len(g.titles))
	for i, title := range g.titles {
		widths[i] = max(numberWidth, utf8.RuneCountInString(title))
		if g.words(i) {
			widths[i] = max(widths[i], wordWidth)
		}
		for _, row := range g.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	io.WriteString(w, g.line(g.titles, widths, -1))
	for n, row := range g.rows {
		io.WriteString(w, g.line(row, widths, n))
	}
}

func (g *grid) line(cells []string, widths []int, row int) string {
	var b strings.Builder
	last := len(cells) - 1
	for last > 0 && cells[last] == "" {
		last-- // no spaces at the end of a line
	}
	for i, cell := range cells[:last+1] {
		space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if g.paint != nil && row >= 0 && i == len(cells)-1 {
			cell = g.paint(row, cell)
		}
		b.WriteString("  ")
		switch {
		case !g.words(i):
			b.WriteString(space + cell)
		case i == last:
			b.WriteString(cell)
		default:
			b.WriteString(cell + space)
		}
	}
	b.WriteByte('\n')
	return b.String()
}
