package view

import (
	"fmt"
	"io"
	"time"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/ha"
	"github.com/snatctl/snatctl/plain"
)

// RoleChange prints what a node did to take a role, a step a line.
func RoleChange(w io.Writer, c *gateway.RoleChange) {
	for _, s := range c.Steps {
		text := fmt.Sprintf("%s: %s, %.3f s", c.Role, s.Do, s.Took)
		if s.Count != nil {
			text += fmt.Sprintf(", %d", *s.Count)
		}
		if s.Error != "" {
			text += ": " + plain.Text(s.Error)
		}
		fmt.Fprintln(w, text)
	}
}

// gateWord says how a gate stands.
func gateWord(s gateway.GateState) string {
	if s.Closed {
		return "closed"
	}
	return "open"
}

// Pair prints how a node of a pair stands.
func Pair(w *plain.Writer, s gateway.PairState) error {
	role := "none"
	if s.Change != nil {
		role = fmt.Sprintf("%s since %s", s.Change.Role, s.Change.At.Local().Format(time.DateTime))
		if !s.Change.Done {
			role += ", under way"
		}
	}
	fmt.Fprintf(w, "role        %s\n", role)
	fmt.Fprintf(w, "gate        %s", gateWord(s.Gate))
	if s.Gate.Closed {
		fmt.Fprintf(w, ", has dropped %s", plain.Count(int(s.Gate.Dropped), "packet"))
	}
	fmt.Fprintln(w)
	if s.Daemon != nil {
		fmt.Fprintf(w, "conntrackd  knows %s of this node, %s of the other\n", plain.Count(s.Daemon.Own, "flow"), plain.Count(s.Daemon.Peer, "flow"))
	}
	if s.Change != nil && len(s.Change.Steps) > 0 {
		fmt.Fprintln(w, "last change")
		for _, step := range s.Change.Steps {
			fmt.Fprintf(w, "  %-14s %7.3f s", step.Do, step.Took)
			if step.Count != nil {
				fmt.Fprintf(w, "  %d", *step.Count)
			}
			if step.Error != "" {
				fmt.Fprint(w, "  failed")
			}
			fmt.Fprintln(w)
		}
	}
	for _, p := range s.Problems {
		fmt.Fprintf(w, "problem: %s\n", plain.Text(p))
	}
	return w.Err()
}

// PairJSON prints it as JSON.
func PairJSON(w io.Writer, s gateway.PairState) error {
	type gate struct {
		State   string `json:"state"`
		Dropped uint64 `json:"dropped"`
	}
	out := struct {
		Role       *ha.Role             `json:"role"`
		Since      *time.Time           `json:"since"`
		Done       bool                 `json:"done"`
		Gate       gate                 `json:"gate"`
		Conntrackd *gateway.DaemonStats `json:"conntrackd"`
		Dropped    uint64               `json:"dropped_before_takeover"`
		Steps      []gateway.StepResult `json:"steps"`
		Problems   []string             `json:"problems"`
	}{Gate: gate{gateWord(s.Gate), s.Gate.Dropped}, Conntrackd: s.Daemon, Steps: []gateway.StepResult{}, Problems: []string{}}
	if c := s.Change; c != nil {
		at := c.At.UTC()
		out.Role, out.Since, out.Done, out.Dropped = &c.Role, &at, c.Done, c.Dropped
		out.Steps = append(out.Steps, c.Steps...)
	}
	out.Problems = append(out.Problems, s.Problems...)
	return JSON(w, out)
}
