package report

import (
	"io"

	"github.com/snatctl/snatctl/ct"
)

// FlowList writes flows as a JSON list, one a line, in large pieces. It holds none of them.
type FlowList struct {
	w   io.Writer
	buf []byte
	n   int // flows so far
}

// pieceSize is how much is written at once.
const pieceSize = 64 << 10

// NewFlowList begins a list.
func NewFlowList(w io.Writer) *FlowList {
	return &FlowList{w: w, buf: append(make([]byte, 0, pieceSize+1<<10), '[')}
}

// Len returns how many flows were added.
func (l *FlowList) Len() int { return l.n }

// Add adds a flow with whom it belongs to.
func (l *FlowList) Add(f *ct.Flow, o *ct.Owner) error {
	if l.n > 0 {
		l.buf = append(l.buf, ",\n"...)
	}
	l.n++
	l.buf = ct.AppendJSON(l.buf, f, o)
	if len(l.buf) < pieceSize {
		return nil
	}
	return l.write()
}

// End writes what is left, and the end of the list.
func (l *FlowList) End() error {
	l.buf = append(l.buf, "]\n"...)
	return l.write()
}

func (l *FlowList) write() error {
	_, err := l.w.Write(l.buf)
	l.buf = l.buf[:0]
	return err
}
