package view

import (
	"fmt"
	"io"

	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/findings"
)

// Tests prints which tests of a policy passed, and of those that failed why.
func Tests(w io.Writer, outcomes []policy.Outcome) error {
	failed := 0
	for _, o := range outcomes {
		if !o.Failed() {
			fmt.Fprintf(w, "ok    %s\n", plain.Text(o.Test.Name))
			continue
		}
		failed++
		fmt.Fprintf(w, "FAIL  %s (%s)\n", plain.Text(o.Test.Name), plain.Text(o.Test.Pos.String()))
		for _, m := range o.Mismatches {
			fmt.Fprintf(w, "      %s: want %s, got %s\n", m.Key, plain.Text(m.Want), plain.Text(m.Got))
		}
		fmt.Fprintf(w, "      %s\n", packetText(o.Packet))
		for i, step := range o.Decision.Steps {
			fmt.Fprintf(w, "        %d. %s\n", i+1, plain.Text(step))
		}
	}
	_, err := fmt.Fprintf(w, "%s, %d passed, %d failed\n", plain.Count(len(outcomes), "test"), len(outcomes)-failed, failed)
	return err
}

// TestsJSON prints them all as JSON.
func TestsJSON(w io.Writer, outcomes []policy.Outcome) error {
	type mismatch struct {
		Key      string `json:"key"`
		Line     int    `json:"line"`
		Column   int    `json:"column"`
		Expected string `json:"expected"`
		Got      string `json:"got"`
	}
	type result struct {
		Name       string      `json:"name"`
		File       string      `json:"file"`
		Line       int         `json:"line"`
		Column     int         `json:"column"`
		Passed     bool        `json:"passed"`
		Mismatches []mismatch  `json:"mismatches"`
		Got        explanation `json:"got"`
	}
	out := []result{}
	for _, o := range outcomes {
		at := o.Test.Pos
		j := result{o.Test.Name, at.File, at.Line, at.Col, !o.Failed(), []mismatch{}, explanationOf(&o.Decision)}
		for _, m := range o.Mismatches {
			j.Mismatches = append(j.Mismatches, mismatch{m.Key, m.Pos.Line, m.Pos.Col, m.Want, m.Got})
		}
		out = append(out, j)
	}
	return JSON(w, out)
}

// TestsGitHub prints annotations for the tests that failed.
func TestsGitHub(w io.Writer, outcomes []policy.Outcome) error {
	for _, o := range outcomes {
		for _, m := range o.Mismatches {
			msg := fmt.Sprintf("test %s: %s: want %s, got %s (%s)", o.Test.Name, m.Key, m.Want, m.Got, o.Decision.Reason)
			if _, err := fmt.Fprintln(w, findings.Annotation{Command: "error", Pos: m.Pos, Message: msg}); err != nil {
				return err
			}
		}
	}
	return nil
}
