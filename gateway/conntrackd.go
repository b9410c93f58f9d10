package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Conntrackd is the way to the running conntrackd of this node: its program, called as a client.
type Conntrackd struct {
	Program string // "": the one that PATH leads to
	Config  string // the file that the daemon runs with
}

// Run has the daemon do what an option says, and returns what it printed.
func (d Conntrackd) Run(ctx context.Context, args ...string) (string, error) {
	program := d.Program
	if program == "" {
		program = "conntrackd"
	}
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, program, append([]string{"-C", d.Config}, args...)...)
	c.Stdout, c.Stderr, c.WaitDelay = &stdout, &stderr, time.Second
	err := c.Run()
	switch {
	case err == nil:
		return stdout.String(), nil
	case ctx.Err() != nil:
		err = fmt.Errorf("no answer in time: %w", ctx.Err())
	case errors.Is(err, exec.ErrNotFound):
		err = errors.New("it is not installed")
	default:
		if said := lastLine(stderr.String()); said != "" {
			err = fmt.Errorf("%s (%w)", said, err)
		}
	}
	return "", fmt.Errorf("conntrackd %s: %w", strings.Join(args, " "), err)
}

// lastLine returns the last line that says something.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

// DaemonStats is what a conntrackd knows.
type DaemonStats struct {
	Own  int `json:"own_flows"`  // of this node's kernel
	Peer int `json:"peer_flows"` // of the other node
}

// Stats asks the daemon what it knows.
func (d Conntrackd) Stats(ctx context.Context) (s DaemonStats, err error) {
	out, err := d.Run(ctx, "-s")
	if err != nil {
		return s, err
	}
	return parseStats(out), nil
}

// parseStats reads "cache internal:" and "cache external:", each with a line "current active connections: N"
// behind it (conntrackd(8), -s).
func parseStats(text string) (s DaemonStats) {
	into := new(int)
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "cache internal:"):
			into = &s.Own
		case strings.HasPrefix(line, "cache external:"):
			into = &s.Peer
		case strings.HasPrefix(line, "cache "):
			into = new(int)
		case len(words) == 4 && strings.HasPrefix(strings.TrimSpace(line), "current active connections:"):
			*into, _ = strconv.Atoi(words[3])
		}
	}
	return s
}
