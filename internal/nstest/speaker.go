package nstest

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Speaker is a program that says what it does, line by line, until it is stopped.
type Speaker struct {
	what  string
	cmd   *exec.Cmd
	lines chan spoken // closed once it is silent
}

// spoken is a line, and when it was heard.
type spoken struct {
	at   time.Time
	text string
}

// Speak starts a program in the host. What it prints on both of its outputs is heard.
func (h *Host) Speak(argv ...string) (*Speaker, error) {
	s := &Speaker{what: filepath.Base(argv[0]), cmd: exec.Command(argv[0], argv[1:]...), lines: make(chan spoken, 10_000)}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children end with it
	out, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stdout = s.cmd.Stderr
	if err := h.Do(s.cmd.Start); err != nil {
		return nil, fmt.Errorf("%s: run %s: %w", h.Name, argv[0], err)
	}
	go func() {
		defer close(s.lines)
		for r := bufio.NewScanner(out); r.Scan(); {
			select {
			case s.lines <- spoken{time.Now(), r.Text()}:
			default: // nobody listens
			}
		}
	}()
	return s, nil
}

// Pid is that of the program.
func (s *Speaker) Pid() int { return s.cmd.Process.Pid }

// Hear waits for the next line that has all of some words, and returns when it was said.
func (s *Speaker) Hear(ctx context.Context, limit time.Duration, words ...string) (time.Time, error) {
	l, err := s.hear(ctx, limit, words)
	return l.at, err
}

// Line waits for the next line that has all of some words, and returns it.
func (s *Speaker) Line(ctx context.Context, limit time.Duration, words ...string) (string, error) {
	l, err := s.hear(ctx, limit, words)
	return l.text, err
}

func (s *Speaker) hear(ctx context.Context, limit time.Duration, words []string) (spoken, error) {
	var said []string
	for end := time.After(limit); ; {
		select {
		case l, ok := <-s.lines:
			if !ok {
				return spoken{}, fmt.Errorf("%s ended without saying %q:\n%s", s.what, words, strings.Join(said, "\n"))
			}
			said = append(said, l.text)
			if hasAll(l.text, words) {
				return l, nil
			}
		case <-end:
			return spoken{}, fmt.Errorf("%s did not say %q within %v:\n%s", s.what, words, limit, strings.Join(said, "\n"))
		case <-ctx.Done():
			return spoken{}, ctx.Err()
		}
	}
}

func hasAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// End asks the program to end, by SIGTERM, and waits until it has. An error tells how it ended, if not well.
func (s *Speaker) End() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	return s.cmd.Wait()
}

// Stop kills the program and what it started.
func (s *Speaker) Stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
}
