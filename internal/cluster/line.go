package cluster

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Line is a way to a member that can be slow, and can be cut without anybody being told.
type Line struct {
	URL  string
	rate atomic.Int64 // bytes a second, each way; 0: as fast as it goes
	cut  atomic.Bool  // nothing arrives, and no connection ends
}

// NewLine makes a line to an address until the test ends.
func NewLine(t testing.TB, to string) *Line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	line := &Line{URL: "http://" + l.Addr().String()}
	var mu sync.Mutex
	var all []net.Conn
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range all {
			c.Close()
		}
	})
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			on, err := net.Dial("tcp", to)
			if err != nil {
				from.Close()
				continue
			}
			mu.Lock()
			all = append(all, from, on)
			mu.Unlock()
			go line.carry(from, on)
			go line.carry(on, from)
		}
	}()
	return line
}

// Slow bounds how many bytes a second arrive.
func (l *Line) Slow(rate int64) { l.rate.Store(rate) }

// Cut has nothing arrive any more, or again.
func (l *Line) Cut(cut bool) { l.cut.Store(cut) }

func (l *Line) carry(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	part := make([]byte, 4<<10)
	for {
		n, err := from.Read(part)
		for l.cut.Load() {
			time.Sleep(20 * time.Millisecond)
		}
		if rate := l.rate.Load(); rate > 0 {
			time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
		}
		if _, bad := to.Write(part[:n]); bad != nil || err == io.EOF || err != nil {
			return
		}
	}
}
