package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// What people read leaves through these two; what programs read (JSON and the like) goes to
// os.Stdout and is escaped by its format.
var (
	stdout = plain.NewWriter(os.Stdout, colourful(os.Stdout))
	stderr = plain.NewWriter(os.Stderr, colourful(os.Stderr))
)

// lostReport returns why standard output could not be written, nil if it could.
func lostReport(err error) error {
	if stdout.Err() != nil {
		return stdout.Err()
	}
	var path *fs.PathError
	if errors.As(err, &path) && path.Op == "write" && path.Path == os.Stdout.Name() {
		return path
	}
	return nil
}

// errorText returns an error as it may be printed: with the name of a file escaped, which may
// hold line breaks.
func errorText(err error) string {
	text := err.Error()
	var path *fs.PathError
	if errors.As(err, &path) {
		text = strings.ReplaceAll(text, path.Path, plain.Text(path.Path))
	}
	return text
}

// outlet returns where output of a format goes.
func outlet(format string) io.Writer {
	if format == "text" {
		return stdout
	}
	return os.Stdout
}

// tellEvent says on standard error what people should know of what happened.
func tellEvent(e gateway.Event) {
	if text := view.Notice(e); text != "" {
		fmt.Fprintln(stderr, text)
	}
}

// newBar returns a bar on standard error, nil where nobody would see it.
func newBar(stages int64) *view.Bar {
	if !isTerminal(os.Stderr) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return view.NewBar(os.Stderr, stages)
}

// decides marks commands whose exit status says what happened, even if it could not be printed.
// For all other commands the output is the work.
const decides = "decides"

// without returns the error of a command whose report was lost. One rule holds for all commands:
// what happened decides the exit status, and a message says that the report was lost.
func without(c *cobra.Command, err, lost error) error {
	_, acted := c.Annotations[decides]
	status := exit{code: exitRefused}
	switch found := errors.As(err, &status); {
	case found && status.err != nil && !errors.Is(status.err, lost):
		lost = fmt.Errorf("%w; and the report is lost: %w", status.err, lost)
	case acted || found && status.err == nil:
		if !found {
			status.code = 0
		}
		lost = fmt.Errorf("it is done, but the report is lost: %w", lost)
	default:
		lost = fmt.Errorf("the output is incomplete: %w", lost)
	}
	return exit{status.code, lost}
}

// colourful tells whether to write colours: only on a terminal, and never where NO_COLOR is
// set (no-color.org).
func colourful(w io.Writer) bool {
	f, isFile := w.(*os.File)
	return isFile && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(f)
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
