package view

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/plain"
)

// FlowList writes flows as lines of text, in large pieces. It holds none of them.
type FlowList struct {
	w   io.Writer
	buf []byte
	n   int // flows so far
}

// pieceSize is how much is written at once.
const pieceSize = 64 << 10

// NewFlowList begins a list.
func NewFlowList(w io.Writer) *FlowList {
	return &FlowList{w: w, buf: make([]byte, 0, pieceSize+1<<10)}
}

// Len returns how many flows were added.
func (l *FlowList) Len() int { return l.n }

// Add adds a flow with whom it belongs to.
func (l *FlowList) Add(f *ct.Flow, o *ct.Owner) error {
	if l.n == 0 {
		l.buf = append(ct.AppendHeader(l.buf), '\n')
	}
	l.n++
	l.buf = append(appendFlow(l.buf, f, o), '\n')
	if len(l.buf) < pieceSize {
		return nil
	}
	return l.End()
}

// End writes what is left. Without flows it writes nothing.
func (l *FlowList) End() error {
	_, err := l.w.Write(l.buf)
	l.buf = l.buf[:0]
	return err
}

// FlowsInZones says how many of the listed flows are in conntrack zones, if any do.
func FlowsInZones(w io.Writer, n int) {
	these := fmt.Sprintf("%d of these flows are", n)
	switch n {
	case 0:
		return
	case 1:
		these = "1 of these flows is"
	}
	fmt.Fprintf(w, "%s in conntrack zones, which another table sets: apply never ends them\n", these)
}

// appendFlow appends a flow as a line that is safe to print: the names in it come from the
// kernel's table.
func appendFlow(b []byte, f *ct.Flow, o *ct.Owner) []byte {
	line := len(b)
	b = ct.AppendText(b, f, o)
	return append(b[:line], plain.Text(string(b[line:]))...)
}

// AppendEvent appends "13:38:08.123456 new      tcp …": local time, as people's clocks.
func AppendEvent(b []byte, e *ct.Event, at time.Time, o *ct.Owner) []byte {
	b = at.Local().AppendFormat(b, "15:04:05.000000 ")
	b = append(b, e.Kind.String()...)
	b = append(b, "        "[len(e.Kind.String()):]...)
	b = appendFlow(b, &e.Flow, o)
	if e.Kind != ct.Destroy { // only ends come with counters
		b = bytes.TrimRight(bytes.TrimSuffix(b, []byte("not counted")), " ")
	}
	return b
}
