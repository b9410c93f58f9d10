// Package journal is the log of an agent: which events it has, and the handlers that write them: as text
// or JSON, with the priorities that the journal of systemd knows, and with floods folded.
package journal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// Options say how a log is written.
type Options struct {
	Format  string // text (or empty) or json
	Journal bool   // the writer is a stream of systemd's journal: lines have priorities, and no time
}

// Log is a logger that folds floods. Close it to have written what it holds back.
type Log struct {
	*slog.Logger
	floods *floods
}

// New makes a log that writes a line for each event. An unknown format is an error.
func New(w io.Writer, o Options) (*Log, error) {
	h, err := Lines(w, o)
	if err != nil {
		return nil, err
	}
	f := newFloods(window, burst, mostKinds, measures)
	return &Log{slog.New(&folding{next: h, floods: f}), f}, nil
}

// Close writes the counts of all that is folded. What is logged later is written at once.
func (l *Log) Close() { l.floods.close() }

// Lines is a handler that writes a line for each event, and folds nothing. An unknown format is an error.
func Lines(w io.Writer, o Options) (slog.Handler, error) {
	var lines *priorities
	if o.Journal {
		lines = &priorities{to: w}
		w = lines
	}
	as := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) == 0 && a.Key == slog.TimeKey && o.Journal:
			return slog.Attr{} // the journal has one
		case a.Value.Kind() == slog.KindDuration && o.Format == "json":
			a.Value = slog.Float64Value(a.Value.Duration().Seconds())
		}
		return a
	}}
	var h slog.Handler
	switch o.Format {
	case "", "text":
		h = slog.NewTextHandler(w, as)
	case "json":
		h = slog.NewJSONHandler(w, as)
	default:
		return nil, fmt.Errorf("unknown log format %q: text or json", o.Format)
	}
	if o.Journal {
		h = prioritized{h, lines}
	}
	return h, nil
}

// prioritized puts the priority of its record before each line: sd-daemon(3), "<3>". Those of its
// attributes and groups write to the same lines.
type prioritized struct {
	slog.Handler
	lines *priorities
}

func (p prioritized) Handle(ctx context.Context, r slog.Record) error {
	p.lines.mu.Lock()
	defer p.lines.mu.Unlock()
	p.lines.level = r.Level
	return p.Handler.Handle(ctx, r)
}

func (p prioritized) WithAttrs(attrs []slog.Attr) slog.Handler {
	return prioritized{p.Handler.WithAttrs(attrs), p.lines}
}

func (p prioritized) WithGroup(name string) slog.Handler {
	return prioritized{p.Handler.WithGroup(name), p.lines}
}

// priorities writes lines with a priority. slog's handlers write each record by one call.
type priorities struct {
	mu    sync.Mutex // over a record
	to    io.Writer
	level slog.Level
	line  bytes.Buffer
}

func (p *priorities) Write(line []byte) (int, error) {
	p.line.Reset()
	p.line.WriteByte('<')
	p.line.WriteString(strconv.Itoa(priority(p.level)))
	p.line.WriteByte('>')
	p.line.Write(line)
	if _, err := p.to.Write(p.line.Bytes()); err != nil {
		return 0, err
	}
	return len(line), nil
}

// priority is that of syslog(3).
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3 // LOG_ERR
	case l >= slog.LevelWarn:
		return 4 // LOG_WARNING
	case l >= slog.LevelInfo:
		return 6 // LOG_INFO
	}
	return 7 // LOG_DEBUG
}

// A flood is more than burst equal messages within a window.
const (
	window = 10 * time.Second
	burst  = 3
)

// mostKinds bounds how many kinds of messages are watched at a time, and so the memory. Those of more kinds
// are written as they come.
const mostKinds = 4096
