package view

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Show shows a report that took so long to make, one of many.
type Show func(report []byte, took time.Duration) error

// InTurn returns what prints one report behind the other, a gap between any two. Of reports that
// come later than every so often it says so on notices.
func InTurn(out, notices io.Writer, gap string, every time.Duration) Show {
	n := 0
	return func(report []byte, took time.Duration) error {
		if n++; n > 1 {
			report = append([]byte(gap), report...)
		}
		if took > every {
			fmt.Fprintln(notices, slow(took))
		}
		_, err := out.Write(report)
		return err
	}
}

// slow says that reports come later than wanted.
func slow(took time.Duration) string {
	return fmt.Sprintf("a look takes %v", took.Round(time.Millisecond))
}

// Screen is a terminal's other screen, which goes away with all that was printed on it.
type Screen struct {
	out   *os.File
	every time.Duration
}

// OpenScreen switches a terminal to it, without a cursor, and so that long lines are cut. Every
// so often a report is meant to come.
func OpenScreen(out *os.File, every time.Duration) *Screen {
	out.WriteString("\x1b[?1049h\x1b[?25l\x1b[?7l")
	return &Screen{out, every}
}

// Close gives the terminal back.
func (s *Screen) Close() { s.out.WriteString("\x1b[?7h\x1b[?25h\x1b[?1049l") }

// Show overwrites the screen line by line, so that nothing flickers.
func (s *Screen) Show(report []byte, took time.Duration) error {
	head := fmt.Sprintf("every %v, ctrl-C ends", s.every)
	if took > s.every {
		head += "; " + slow(took)
	}
	_, err := s.out.Write(inPlace(head, report, s.rows()))
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

// rows returns the height of the terminal.
func (s *Screen) rows() int {
	size, err := unix.IoctlGetWinsize(int(s.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 {
		return 24 // the oldest terminals' height
	}
	return int(size.Row)
}
