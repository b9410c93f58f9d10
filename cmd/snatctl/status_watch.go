package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watchStatus prints a picture every so often until it is interrupted: in place on a
// terminal, elsewhere one behind the other.
func watchStatus(ctx context.Context, l *live, o statusOptions) error {
	onTerminal := isTerminal(os.Stdout) && o.format == "text"
	if onTerminal {
		os.Stdout.WriteString("\x1b[?1049h\x1b[?25l") // the other screen, without a cursor
		defer os.Stdout.WriteString("\x1b[?25h\x1b[?1049l")
	}
	tick := time.NewTicker(o.watch)
	defer tick.Stop()
	for n := 0; ; n++ {
		// Always read: the counters of new connections stand in the table.
		if err := l.read(ctx); err != nil {
			return interrupted(ctx, err)
		}
		if !l.there {
			return exit{exitRefused, l.noTable()}
		}
		p, err := look(ctx, l)
		if err != nil {
			return interrupted(ctx, err)
		}
		var b bytes.Buffer
		if n > 0 && !onTerminal && o.format == "text" {
			b.WriteByte('\n')
		}
		if err := printStatus(&b, p, o); err != nil {
			return err
		}
		if onTerminal {
			b = inPlace(b, p, o)
		}
		if _, err := os.Stdout.Write(b.Bytes()); err != nil {
			return exit{exitRefused, err}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// inPlace overwrites the screen line by line, so that nothing flickers.
func inPlace(b bytes.Buffer, p picture, o statusOptions) bytes.Buffer {
	rows := screenRows()
	var out bytes.Buffer
	out.WriteString("\x1b[H")
	head := fmt.Sprintf("every %v, ctrl-C ends", o.watch)
	if p.took > o.watch {
		head += fmt.Sprintf("; looking takes %v", p.took.Round(time.Millisecond))
	}
	lines := append([][]byte{[]byte(head)}, bytes.Split(bytes.TrimRight(b.Bytes(), "\n"), []byte("\n"))...)
	for i, line := range lines {
		if i == rows-1 && len(lines) > rows {
			line = fmt.Appendf(nil, "… %d lines more (a larger window shows them)", len(lines)-i)
		} else if i >= rows {
			break
		}
		if i > 0 {
			out.WriteString("\r\n")
		}
		out.Write(line)
		out.WriteString("\x1b[K")
	}
	out.WriteString("\x1b[J")
	return out
}

// screenRows returns the height of the terminal.
func screenRows() int {
	size, err := unix.IoctlGetWinsize(int(os.Stdout.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 {
		return 24 // the oldest terminals' height
	}
	return int(size.Row)
}

// interrupted turns the end of the context, which the user wanted, into success.
func interrupted(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return exit{exitRefused, err}
}
