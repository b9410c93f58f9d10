package view

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

// Top is the terminal as a list that goes on: it shows what a meter reads and takes keys. Everything
// but next belongs to the goroutine of the application.
type Top struct {
	app    *tview.Application
	pages  *tview.Pages
	head   *tview.TextView
	note   string // of what an agent knows
	table  *tview.Table
	foot   *tview.Pages
	filter *tview.InputField

	list   topList
	by     ct.Grouping
	every  time.Duration
	frozen bool
	failed error
	next   chan topOrder // what to read next; the last order counts
}

// Bounds of how often it reads.
const (
	FastestTop = 500 * time.Millisecond
	SlowestTop = time.Minute
)

// topOrder is what the screen asks the meter for.
type topOrder struct {
	by    ct.Grouping
	every time.Duration
	now   bool // without waiting
}

const (
	topKeys = "1-6/tab list by · f n b sort · / filter · space freeze · +/- interval · ? help · q quit"
	topHelp = `snatctl top

  1 zones   2 services   3 real servers   4 laddrs   5 clients   6 destinations
  tab       the next of these

  f n b     sort by flows, new connections a second, bytes a second
  ← →       the column before, the next one
  ↑ ↓ PgUp PgDn Home End   scroll

  /         show names that contain a text; enter keeps it, esc drops it
  space     freeze the screen; measuring goes on
  + -       longer and shorter intervals
  ?         this page; any key leaves it
  q ctrl-C  end

"-" stands for flows to which the list does not apply: those of no zone, with no laddr.
A rate is empty until two lists can be compared.`
)

// NewTop returns a screen that wants a reading every so often, between FastestTop and SlowestTop.
func NewTop(every time.Duration) *Top {
	s := &Top{app: tview.NewApplication(), every: every, next: make(chan topOrder, 1), list: topList{}}
	plain := tcell.StyleDefault
	tview.Styles = tview.Theme{PrimitiveBackgroundColor: tcell.ColorDefault, ContrastBackgroundColor: tcell.ColorDefault, PrimaryTextColor: tcell.ColorDefault}
	s.head = tview.NewTextView().SetDynamicColors(false).SetWrap(false)
	s.table = tview.NewTable().SetFixed(1, 0).SetContent(&topRows{list: &s.list})
	s.filter = tview.NewInputField().SetLabel("/").SetFieldStyle(plain)
	s.filter.SetChangedFunc(s.list.only)
	s.filter.SetDoneFunc(func(key tcell.Key) {
		if key == tcell.KeyEscape {
			s.filter.SetText("")
		}
		s.foot.SwitchToPage("keys")
		s.app.SetFocus(s.table)
		s.show()
	})
	keys := tview.NewTextView().SetWrap(false).SetText(topKeys).SetTextStyle(plain.Reverse(true))
	s.foot = tview.NewPages().AddPage("filter", s.filter, true, false).AddPage("keys", keys, true, true)
	main := tview.NewFlex().SetDirection(tview.FlexRow).AddItem(s.head, 3, 0, false).AddItem(s.table, 0, 1, true).AddItem(s.foot, 1, 0, false)
	help := tview.NewTextView().SetText(topHelp)
	help.SetInputCapture(func(*tcell.EventKey) *tcell.EventKey { s.pages.SwitchToPage("main"); return nil })
	s.pages = tview.NewPages().AddPage("help", help, true, false).AddPage("main", main, true, true)
	s.table.SetInputCapture(s.key)
	s.show()
	return s
}

// Run shows the screen until the user or ctx ends it. The terminal is then as it was, however
// that comes about.
//
// kept, asked at each reading, says what an agent knows: what is down stands above the list.
func (s *Top) Run(ctx context.Context, m *gateway.Meter, kept func(context.Context) *report.Kept) error {
	ctx, cancel := context.WithCancel(ctx)
	var both sync.WaitGroup
	both.Go(func() { s.guard(func() { m.Hear(ctx) }) })
	both.Go(func() { s.guard(func() { s.measure(ctx, m, kept) }) })
	// Stop itself would do nothing if the application has not quite begun.
	unregister := context.AfterFunc(ctx, func() { s.app.QueueUpdate(s.app.Stop) })
	err := s.app.SetRoot(s.pages, true).Run()
	unregister()
	cancel()
	both.Wait()
	if err != nil {
		return fmt.Errorf("open the terminal: %w", err)
	}
	return s.failed
}

// guard gives the terminal back before a panic ends the program.
func (s *Top) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			s.app.Stop()
			panic(p)
		}
	}()
	f()
}

// measure reads the meter again and again.
func (s *Top) measure(ctx context.Context, m *gateway.Meter, kept func(context.Context) *report.Kept) {
	order := topOrder{every: s.every}
	for {
		r, err := m.Read(ctx, order.by)
		if ctx.Err() != nil {
			return
		}
		note := Summary(kept(ctx))
		// An application that has ended takes nothing any more, and would not return.
		go s.app.QueueUpdateDraw(func() {
			s.note = note
			s.take(r, err)
		})
		wait := time.NewTimer(pause(order.every, r))
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return
			case order = <-s.next:
				waiting = !order.now
			case <-wait.C:
				waiting = false
			}
		}
	}
}

// take shows a reading, unless another kind is wanted by now.
func (s *Top) take(r gateway.Measured, err error) {
	if err != nil {
		s.failed = err
		s.app.Stop()
		return
	}
	if !s.frozen && r.By == s.by {
		s.list.take(r)
	}
	s.show()
}

// order asks the meter for what is wanted now, instead of what was asked for before.
func (s *Top) order(now bool) {
	select {
	case before := <-s.next:
		now = now || before.now
	default:
	}
	s.next <- topOrder{s.by, s.every, now}
}

// show writes the lines above the list, which stays where it was scrolled to: left alone, a
// table that fits the screen shows its end once it does not.
func (s *Top) show() {
	s.table.SetOffset(s.table.GetOffset())
	title := fmt.Sprintf("flows by %s, every %v", s.by, s.every)
	if took := s.list.now.Took; listingShare*took > s.every {
		title += fmt.Sprintf(" (stretched to %v: a list takes %v)", (listingShare * took).Round(100*time.Millisecond), took.Round(time.Millisecond))
	}
	if s.frozen {
		title += " · FROZEN, space goes on"
	}
	if f := s.list.filter; f != "" {
		title += fmt.Sprintf(" · only names with %q", f)
	}
	absent := s.note
	if err := s.list.now.Absent; err != nil {
		absent = err.Error()
	}
	s.head.SetText(title + "\n" + s.list.totals() + "\n" + absent)
}

// suspend stops the program as a shell expects by ctrl-Z.
func (s *Top) suspend() {
	s.app.Suspend(func() { _ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP) })
}
