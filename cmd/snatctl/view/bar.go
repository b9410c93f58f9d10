package view

import (
	"io"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"github.com/snatctl/snatctl/gateway"
)

// Bar shows on a terminal which stage an operation is in, if that takes more than a second. A nil
// Bar shows nothing. Whoever prints stops it first.
type Bar struct {
	mu      sync.Mutex
	out     io.Writer
	wait    *time.Timer
	writer  progress.Writer // nil until a second has passed
	tracker progress.Tracker
}

// patience is how long an operation may take without a word.
const patience = time.Second

// NewBar returns a bar for an operation of some stages.
func NewBar(out io.Writer, stages int64) *Bar {
	b := &Bar{out: out, tracker: progress.Tracker{Total: stages, RemoveOnCompletion: true}}
	b.wait = time.AfterFunc(patience, b.show)
	return b
}

func (b *Bar) show() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wait == nil {
		return // stopped meanwhile
	}
	b.writer = progress.NewWriter()
	b.writer.SetOutputWriter(b.out)
	b.writer.SetUpdateFrequency(100 * time.Millisecond)
	b.writer.SetTrackerLength(20)
	b.writer.Style().Visibility.Value = false
	b.writer.AppendTracker(&b.tracker)
	go b.writer.Render()
}

// Begin shows that the next stage has begun.
func (b *Bar) Begin(s gateway.Stage) {
	if b == nil {
		return
	}
	b.tracker.UpdateMessage(string(s))
	b.tracker.Increment(1)
}

// Stop takes the bar off the screen, for good.
func (b *Bar) Stop() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wait == nil {
		return
	}
	b.wait.Stop()
	b.wait = nil
	if b.writer == nil {
		return
	}
	b.tracker.MarkAsDone()
	for !b.writer.IsRenderInProgress() {
		time.Sleep(time.Millisecond) // it is about to begin
	}
	time.Sleep(150 * time.Millisecond) // one more drawing, without the tracker
	b.writer.Stop()
	for b.writer.IsRenderInProgress() {
		time.Sleep(time.Millisecond)
	}
}
