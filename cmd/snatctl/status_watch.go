package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// watchStatus prints a picture every so often until it is interrupted: in place on a
// terminal, elsewhere one behind the other.
func watchStatus(ctx context.Context, r *gateway.Reader, o statusOptions) error {
	staySmall()
	show := following(o)
	resized := make(chan os.Signal, 1)
	if isTerminal(os.Stdout) && o.format == "text" {
		s := openScreen(o.watch)
		defer s.close()
		signal.Notify(resized, unix.SIGWINCH)
		defer signal.Stop(resized)
		show = s.show
	}
	tick := time.NewTicker(o.watch)
	defer tick.Stop()
	for {
		s, err := lookAnew(ctx, r, o)
		if err != nil {
			return interrupted(ctx, err)
		}
		var b bytes.Buffer
		w := io.Writer(&b)
		if o.format == "text" {
			w = plain.NewWriter(&b, stdout.Colour())
		}
		if err := printStatus(w, s, o, warner(stdout.Colour())); err != nil {
			return exit{exitRefused, err}
		}
		for again := true; again; {
			if err := show(b.Bytes(), s.Took); err != nil {
				return exit{exitRefused, err}
			}
			select {
			case <-ctx.Done():
				return nil
			case <-resized:
			case <-tick.C:
				again = false
			}
		}
	}
}

// lookAnew reads the table, as the counters of new connections stand there, and looks.
func lookAnew(ctx context.Context, r *gateway.Reader, o statusOptions) (gateway.Survey, error) {
	start := time.Now()
	p, err := r.Read(ctx)
	if err == nil {
		err = p.Missing()
	}
	if err != nil {
		return gateway.Survey{}, err
	}
	s, err := look(ctx, r, p, o.names)
	s.Took = time.Since(start)
	return s, err
}

// following returns what prints one report behind the other: text with an empty line
// between them, JSON as it is, one a line.
func following(o statusOptions) func([]byte, time.Duration) error {
	n := 0
	return func(report []byte, took time.Duration) error {
		if n++; n > 1 && o.format == "text" {
			report = append([]byte{'\n'}, report...)
		}
		if took > o.watch {
			fmt.Fprintln(stderr, slow(took))
		}
		_, err := os.Stdout.Write(report)
		return err
	}
}

// slow says that reports come later than wanted.
func slow(took time.Duration) string {
	return fmt.Sprintf("a look takes %v", took.Round(time.Millisecond))
}

// screen is the terminal's other screen, which goes away with all that was printed on it.
type screen struct{ every time.Duration }

// openScreen switches to it, without a cursor, and so that long lines are cut.
func openScreen(every time.Duration) *screen {
	os.Stdout.WriteString("\x1b[?1049h\x1b[?25l\x1b[?7l")
	return &screen{every}
}

func (s *screen) close() { os.Stdout.WriteString("\x1b[?7h\x1b[?25h\x1b[?1049l") }

// show overwrites the screen line by line, so that nothing flickers.
func (s *screen) show(report []byte, took time.Duration) error {
	head := fmt.Sprintf("every %v, ctrl-C ends", s.every)
	if took > s.every {
		head += "; " + slow(took)
	}
	_, err := os.Stdout.Write(inPlace(head, report, screenRows()))
	return err
}

// inPlace returns what writes a head and as much of a report as there is room for.
func inPlace(head string, report []byte, rows int) []byte {
	lines := append([][]byte{[]byte(head)}, bytes.Split(bytes.TrimRight(report, "\n"), []byte("\n"))...)
	out := []byte("\x1b[H")
	for i, line := range lines {
		if i == rows-1 && len(lines) > rows {
			line = fmt.Appendf(nil, "… %d lines more (a larger window shows them, or `snatctl top`)", len(lines)-i)
		} else if i >= rows {
			break
		}
		if i > 0 {
			out = append(out, "\r\n"...)
		}
		out = append(append(out, line...), "\x1b[K"...)
	}
	return append(out, "\x1b[J"...)
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
