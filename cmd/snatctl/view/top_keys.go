package view

import (
	"fmt"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

// key does what a key says. The table scrolls by those that it leaves.
func (s *Top) key(e *tcell.EventKey) *tcell.EventKey {
	switch e.Key() {
	case tcell.KeyTab:
		s.group(s.by + 1)
	case tcell.KeyBacktab:
		s.group(s.by + ct.Grouping(len(ct.Groupings)) - 1)
	case tcell.KeyLeft:
		s.list.by(s.list.sort + sortKeys - 1)
	case tcell.KeyRight:
		s.list.by(s.list.sort + 1)
	case tcell.KeyCtrlZ:
		s.suspend()
	case tcell.KeyRune:
		s.letter(e.Rune())
	default:
		return e
	}
	return nil
}

func (s *Top) letter(r rune) {
	switch r {
	case '1', '2', '3', '4', '5', '6':
		s.group(ct.Groupings[r-'1'])
	case 'f':
		s.list.by(byFlows)
	case 'n':
		s.list.by(byNew)
	case 'b':
		s.list.by(byBytes)
	case '/':
		s.foot.SwitchToPage("filter")
		s.app.SetFocus(s.filter)
	case ' ':
		s.frozen = !s.frozen
	case '+':
		s.every = min(s.every*2, SlowestTop)
		s.order(false)
	case '-':
		s.every = max(s.every/2, FastestTop)
		s.order(false)
	case '?':
		s.pages.SwitchToPage("help")
	case 'q':
		s.app.Stop()
	}
	s.show()
}

// group lists by something else, and goes on if the screen is frozen.
func (s *Top) group(by ct.Grouping) {
	s.by, s.frozen = by%ct.Grouping(len(ct.Groupings)), false
	s.list.take(gateway.Measured{By: s.by, Stats: s.list.now.Stats, Lost: s.list.now.Lost})
	s.table.ScrollToBeginning()
	s.order(true)
	s.show()
}

// topRows is the list as the table asks for it: cell by cell, of what is on the screen.
type topRows struct {
	tview.TableContentReadOnly
	list *topList
}

func (t *topRows) GetRowCount() int    { return 1 + len(t.list.rows) }
func (t *topRows) GetColumnCount() int { return len(t.list.titles()) }

// GetCell returns one cell; row 0 is the titles'.
func (t *topRows) GetCell(row, column int) *tview.TableCell {
	text := t.list.titles()
	if row > 0 {
		text = t.list.cells(row - 1)
	}
	if column > 0 {
		text[column] = fmt.Sprintf("%10s", text[column]) // room between numbers
	}
	c := tview.NewTableCell(tview.Escape(text[column])).SetStyle(tcell.StyleDefault.Bold(row == 0)).SetAlign(tview.AlignRight)
	if column == 0 {
		c.SetAlign(tview.AlignLeft).SetExpansion(1)
	}
	return c
}
