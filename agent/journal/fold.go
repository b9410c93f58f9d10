package journal

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// folding is a handler that writes the first few of equal records within a window, and of the rest at its
// end the last one, with how many there were. Records are equal if their levels, messages, and all their
// attributes are, but for those that only measure something.
type folding struct {
	next   slog.Handler
	prefix string // of its attributes and groups, for keys
	floods *floods
}

// floods is what all handlers of a log fold by.
type floods struct {
	window   time.Duration
	burst    int
	most     int
	measures func(attribute string) bool

	mu     sync.Mutex
	kinds  map[string]*kind
	timer  *time.Timer // nil: nothing is watched
	closed bool
}

// kind is records that are equal.
type kind struct {
	seen   int // in this window
	folded int // of them
	since  time.Time
	last   slog.Record  // the newest that was folded
	next   slog.Handler // that writes it
}

func newFloods(window time.Duration, burst, most int, measures func(string) bool) *floods {
	return &floods{window: window, burst: burst, most: most, measures: measures, kinds: map[string]*kind{}}
}

func (f *folding) Enabled(ctx context.Context, l slog.Level) bool { return f.next.Enabled(ctx, l) }

func (f *folding) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		f.floods.identify(&b, a)
	}
	return &folding{f.next.WithAttrs(attrs), f.prefix + b.String(), f.floods}
}

func (f *folding) WithGroup(name string) slog.Handler {
	return &folding{f.next.WithGroup(name), f.prefix + name + "\x00{", f.floods}
}

func (f *folding) Handle(ctx context.Context, r slog.Record) error {
	if f.floods.hold(f, r) {
		return nil
	}
	return f.next.Handle(ctx, r)
}

// hold tells whether a record is folded, and counts it.
func (f *floods) hold(by *folding, r slog.Record) bool {
	key := f.key(by.prefix, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	k := f.kinds[key]
	if k == nil {
		if len(f.kinds) >= f.most {
			return false
		}
		k = &kind{since: time.Now()}
		f.kinds[key] = k
		if f.timer == nil {
			f.timer = time.AfterFunc(f.window, f.turn)
		}
	}
	if k.seen++; k.seen <= f.burst {
		return false
	}
	k.folded, k.last, k.next = k.folded+1, r.Clone(), by.next
	return true
}

// turn ends a window. A flood that goes on is one line a window.
func (f *floods) turn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer = nil; f.closed {
		return
	}
	f.tell()
	now := time.Now()
	for key, k := range f.kinds {
		if k.folded == 0 {
			delete(f.kinds, key)
			continue
		}
		k.folded, k.since, k.last = 0, now, slog.Record{}
		k.seen = f.burst // so that all of the next window are folded
	}
	if len(f.kinds) > 0 {
		f.timer = time.AfterFunc(f.window, f.turn)
	}
}

// tell writes what was folded, by when it came last: so the last line about an object is how it is.
func (f *floods) tell() {
	var all []*kind
	for _, k := range f.kinds {
		if k.folded > 0 {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b *kind) int { return cmp.Compare(a.last.Time.UnixNano(), b.last.Time.UnixNano()) })
	for _, k := range all {
		k.last.AddAttrs(slog.Int("folded", k.folded), slog.Duration("folded_in", time.Since(k.since).Round(time.Millisecond)), slog.Time("last", k.last.Time))
		_ = k.next.Handle(context.Background(), k.last) // as slog.Logger does: there is nobody to tell
	}
}

func (f *floods) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	if f.timer != nil {
		f.timer.Stop()
	}
	f.tell()
	f.kinds = nil
}

// key is what equal records have in common.
func (f *floods) key(prefix string, r slog.Record) string {
	var b strings.Builder
	b.WriteString(r.Level.String())
	b.WriteByte(0)
	b.WriteString(r.Message)
	b.WriteByte(0)
	b.WriteString(prefix)
	r.Attrs(func(a slog.Attr) bool {
		f.identify(&b, a)
		return true
	})
	return b.String()
}

func (f *floods) identify(b *strings.Builder, a slog.Attr) {
	if f.measures(a.Key) {
		return
	}
	b.WriteString(a.Key)
	b.WriteByte(0)
	b.WriteString(a.Value.Resolve().String())
	b.WriteByte(0)
}
