// Package natlog writes a NAT log to a file that others rotate. Lines wait in a spool, so a
// full disk never holds up the caller. It costs lines, which are counted and reported in the
// log.
package natlog

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// Log is the file of a NAT log, appended to. Lines reach it through a Spool, whose writer it is.
type Log struct {
	*Spool
	path   string
	reopen atomic.Bool // somebody has moved the file away

	file   *os.File
	told   uint64 // lost lines that the file tells of
	failed atomic.Pointer[error]
}

// logMode lets the file's group read it. It holds personal data.
const logMode = 0o640

// open opens a log to append to.
func open(path string) (*Log, error) {
	l := &Log{path: path}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("NAT log: %w", err)
	}
	l.Spool = NewSpool(Room, l.write)
	return l, nil
}

// Open opens a log, or makes it. It returns neither a log nor an error if the context ends first:
// a FIFO that nobody reads cannot be opened, and takes its time.
func Open(ctx context.Context, path string) (*Log, error) {
	type opened struct {
		log *Log
		err error
	}
	done := make(chan opened, 1)
	go func() {
		l, err := open(path)
		done <- opened{l, err}
	}()
	select {
	case o := <-done:
		return o.log, o.err
	case <-ctx.Done():
		return nil, nil
	}
}

func (l *Log) open() error {
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

// Rotate makes the log go on in a new file of the same name.
func (l *Log) Rotate() {
	l.reopen.Store(true)
	l.Poke()
}

// write is the spool's writer.
func (l *Log) write(lines []byte) int {
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
func (l *Log) tellLosses() bool {
	lost := l.Losses()
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
func (l *Log) append(lines []byte) int {
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
func (l *Log) fail(err error) { l.failed.Store(&err) }

// Failure returns the last error since it was asked for last, nil if all went well.
func (l *Log) Failure() error {
	if err := l.failed.Swap(nil); err != nil {
		return *err
	}
	return nil
}

// Mark says in the log that a watcher starts or stops: what happens between a stop and the next
// start no line tells.
func (l *Log) Mark(what string) { l.Add(appendMark(nil, time.Now(), what)) }

// Lost says in the log that the kernel dropped some events.
func (l *Log) Lost(events uint64) { l.Add(appendLost(nil, time.Now(), "events", events)) }

// Path returns the name that the log was opened by.
func (l *Log) Path() string { return l.path }

func appendMark(b []byte, at time.Time, what string) []byte {
	b = append(b, `{"event":"`...)
	b = append(b, what...)
	b = append(b, `","time":"`...)
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	return append(b, "\"}\n"...)
}

// appendLost appends the line that marks where others are missing: events that the kernel
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
