package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// natLog is the file of a NAT log. Lines reach it through a spool, whose writer it is: a full
// disk costs lines, never time.
type natLog struct {
	*spool
	path   string
	reopen atomic.Bool // somebody has moved the file away

	file   *os.File
	told   uint64 // lost lines that the file tells of
	failed atomic.Pointer[error]
}

// logMode lets the file's group read it. It holds personal data.
const logMode = 0o640

// openNATLog opens a log to append to.
func openNATLog(path string) (*natLog, error) {
	l := &natLog{path: path}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("NAT log: %w", err)
	}
	l.spool = newSpool(spoolRoom, l.write)
	return l, nil
}

// openNATLogUnless returns neither a log nor an error if the context ends first: a FIFO that
// nobody reads cannot be opened, and takes its time.
func openNATLogUnless(ctx context.Context, path string) (*natLog, error) {
	type opened struct {
		log *natLog
		err error
	}
	done := make(chan opened, 1)
	go func() {
		l, err := openNATLog(path)
		done <- opened{l, err}
	}()
	select {
	case o := <-done:
		return o.log, o.err
	case <-ctx.Done():
		return nil, nil
	}
}

func (l *natLog) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, logMode)
	if err != nil {
		return err
	}
	if l.file != nil {
		l.file.Close()
	}
	l.file = f
	return nil
}

// rotate makes the log go on in a new file of the same name.
func (l *natLog) rotate() {
	l.reopen.Store(true)
	l.poke()
}

// write is the spool's writer.
func (l *natLog) write(lines []byte) int {
	if l.reopen.Swap(false) {
		if err := l.open(); err != nil { // the old file still takes lines
			l.fail(err)
		}
	}
	if len(lines) == 0 || !l.tellLosses() {
		return 0
	}
	return l.append(lines)
}

// tellLosses appends how many lines are missing before the next, if any.
func (l *natLog) tellLosses() bool {
	lost := l.losses()
	if lost == l.told {
		return true
	}
	line := appendLost(nil, time.Now(), "records", lost-l.told)
	if l.append(line) < len(line) {
		return false
	}
	l.told = lost
	return true
}

// append appends whole lines, as many as find room, and returns their length.
func (l *natLog) append(lines []byte) int {
	n, err := l.file.Write(lines)
	if err == nil {
		return n
	}
	l.fail(err)
	whole := bytes.LastIndexByte(lines[:n], '\n') + 1
	if info, err := l.file.Stat(); err == nil && whole < n && info.Mode().IsRegular() {
		_ = l.file.Truncate(info.Size() - int64(n-whole)) // else readers meet half a line
	}
	return whole
}

// fail keeps an error until somebody asks for it.
func (l *natLog) fail(err error) { l.failed.Store(&err) }

// failure returns the last error since it was asked for last, nil if all went well.
func (l *natLog) failure() error {
	if err := l.failed.Swap(nil); err != nil {
		return *err
	}
	return nil
}

// appendMark appends the line of a watcher that starts or stops: what happens between a stop and the
// next start no line tells.
func appendMark(b []byte, at time.Time, what string) []byte {
	b = append(b, `{"event":"`...)
	b = append(b, what...)
	b = append(b, `","time":"`...)
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	return append(b, "\"}\n"...)
}

// appendLost appends the line that stands where others are missing: events that the kernel
// dropped, or records that could not be written.
func appendLost(b []byte, at time.Time, what string, n uint64) []byte {
	b = append(b, `{"event":"lost","time":"`...)
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	b = append(b, `","`...)
	b = append(b, what...)
	b = append(b, `":`...)
	b = strconv.AppendUint(b, n, 10)
	return append(b, "}\n"...)
}
