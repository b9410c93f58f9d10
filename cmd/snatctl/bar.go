package main

import (
	"os"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// bar shows on standard error which stage a command is in, if that is a terminal and the
// command takes more than a second. The zero value shows nothing yet; a nil bar never does.
// Whoever prints stops it first.
type bar struct {
	mu      sync.Mutex
	wait    *time.Timer
	writer  progress.Writer // nil until a second has passed
	tracker progress.Tracker
}

// patience is how long a command may take without a word.
const patience = time.Second

// newBar returns a bar for a command of some stages, nil where nobody would see it.
func newBar(stages int64) *bar {
	if !isTerminal(os.Stderr) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	b := &bar{tracker: progress.Tracker{Total: stages, RemoveOnCompletion: true}}
	b.wait = time.AfterFunc(patience, b.show)
	return b
}

func (b *bar) show() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wait == nil {
		return // stopped meanwhile
	}
	b.writer = progress.NewWriter()
	b.writer.SetOutputWriter(os.Stderr)
	b.writer.SetUpdateFrequency(100 * time.Millisecond)
	b.writer.SetTrackerLength(20)
	b.writer.Style().Visibility.Value = false
	b.writer.AppendTracker(&b.tracker)
	go b.writer.Render()
}

// stage tells that the next stage begins.
func (b *bar) stage(name string) {
	if b == nil {
		return
	}
	b.tracker.UpdateMessage(name)
	b.tracker.Increment(1)
}

// stop takes the bar off the screen, for good.
func (b *bar) stop() {
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
