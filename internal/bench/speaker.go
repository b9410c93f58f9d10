package main

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// speaker is a program that says what it does, line by line, until it is stopped.
type speaker struct {
	what  string
	cmd   *exec.Cmd
	lines chan spoken // closed once it is silent
}

// spoken is a line, and when it was heard.
type spoken struct {
	at   time.Time
	text string
}

// speak starts a program in a host.
func speak(h *nstest.Host, argv ...string) (*speaker, error) {
	s := &speaker{what: filepath.Base(argv[0]), cmd: exec.Command(argv[0], argv[1:]...), lines: make(chan spoken, 10_000)}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // keepalived's child ends with it
	out, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stdout = s.cmd.Stderr
	if err := h.Do(s.cmd.Start); err != nil {
		return nil, err
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

// hear waits for the next line that has all of some words, and returns when it was said.
func (s *speaker) hear(ctx context.Context, limit time.Duration, words ...string) (time.Time, error) {
	var said []string
	for end := time.After(limit); ; {
		select {
		case l, ok := <-s.lines:
			if !ok {
				return time.Time{}, fmt.Errorf("%s ended without saying %q:\n%s", s.what, words, strings.Join(said, "\n"))
			}
			said = append(said, l.text)
			if hasAll(l.text, words) {
				return l.at, nil
			}
		case <-end:
			return time.Time{}, fmt.Errorf("%s did not say %q within %v:\n%s", s.what, words, limit, strings.Join(said, "\n"))
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
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

// stop ends the program and what it started.
func (s *speaker) stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
}

// agent starts an agent in a host, and waits until its policy is in force.
func (b *bench) agent(ctx context.Context, h *nstest.Host, name string, policy []byte) (*speaker, error) {
	file, err := b.write(name+".yaml", policy)
	if err != nil {
		return nil, err
	}
	at := filepath.Join(b.dir, name)
	s, err := speak(h, b.snatctl, "agent", "-f", file, "--state-dir", at+".state", "--socket", at+".sock")
	if err != nil {
		return nil, err
	}
	if _, err := s.hear(ctx, time.Minute, "msg=policy_applied"); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}
