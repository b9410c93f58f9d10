package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/findings"
)

const (
	exitTestFailed  = 1
	exitTestInvalid = 2
)

func testCommand() *cobra.Command {
	var files []string
	var format string
	c := &cobra.Command{
		Annotations: map[string]string{heedless: "", decides: ""},
		Use:         "test -f FILE",
		Short:       "run the tests in the policy",
		Long: `Run the tests that the policy contains. Each test sends the first packet of a connection through
the policy and compares the result with what the test expects. The evaluation is the same as in
explain: it reads the policy alone, not the kernel.

Every possible result must lie in the snat and dnat that the test lists: addresses, ranges and
prefixes, with or without ports; none means no translation, masquerade the interface's address.

Exit status: 0 all pass, 1 a test failed, 2 invalid policy or usage.`,
		Example: `  snatctl test -f policy.yaml
  snatctl test -f policy.yaml --format github     # annotations in a GitHub workflow`,
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := policyFiles(files, args)
			if err != nil {
				return err
			}
			print, ok := testFormats[format]
			if !ok {
				return fmt.Errorf("unknown format %q: use text, json or github", format)
			}
			p, err := readPolicy(files)
			if err != nil {
				return exit{exitTestInvalid, err}
			}
			results := runTests(p)
			lost := print(outlet(format), results)
			if failures(results) > 0 {
				return errors.Join(exit{code: exitTestFailed}, lost)
			}
			return lost
		},
	}
	fileFlag(c, &files)
	c.Flags().StringVar(&format, "format", "text", "format of the output: `text|json|github`")
	return c
}

// testResult is one test of the policy and what came out.
type testResult struct {
	test       *policy.Test
	packet     policy.Packet
	decision   policy.Decision
	mismatches []policy.Mismatch
}

func runTests(p *policy.Policy) []testResult {
	results := make([]testResult, len(p.Tests))
	for i := range p.Tests {
		r := testResult{test: &p.Tests[i], packet: p.Packet(&p.Tests[i])}
		r.decision = p.Decide(r.packet)
		r.mismatches = r.test.Expect.Compare(&r.decision)
		results[i] = r
	}
	return results
}

func failures(results []testResult) (n int) {
	for _, r := range results {
		if len(r.mismatches) > 0 {
			n++
		}
	}
	return n
}

var testFormats = map[string]func(io.Writer, []testResult) error{
	"text": testText, "json": testJSON, "github": testGitHub,
}

func testText(w io.Writer, results []testResult) error {
	for _, r := range results {
		if len(r.mismatches) == 0 {
			fmt.Fprintf(w, "ok    %s\n", plain.Text(r.test.Name))
			continue
		}
		fmt.Fprintf(w, "FAIL  %s (%s)\n", plain.Text(r.test.Name), plain.Text(r.test.Pos.String()))
		for _, m := range r.mismatches {
			fmt.Fprintf(w, "      %s: want %s, got %s\n", m.Key, plain.Text(m.Want), plain.Text(m.Got))
		}
		fmt.Fprintf(w, "      %s\n", packetText(r.packet))
		for i, step := range r.decision.Steps {
			fmt.Fprintf(w, "        %d. %s\n", i+1, plain.Text(step))
		}
	}
	failed := failures(results)
	_, err := fmt.Fprintf(w, "%s, %d passed, %d failed\n", view.Count(len(results), "test"), len(results)-failed, failed)
	return err
}

func testJSON(w io.Writer, results []testResult) error {
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
	for _, r := range results {
		at := r.test.Pos
		j := result{r.test.Name, at.File, at.Line, at.Col, len(r.mismatches) == 0, []mismatch{}, explanationOf(&r.decision)}
		for _, m := range r.mismatches {
			j.Mismatches = append(j.Mismatches, mismatch{m.Key, m.Pos.Line, m.Pos.Col, m.Want, m.Got})
		}
		out = append(out, j)
	}
	return view.JSON(w, out)
}

// testGitHub prints annotations for the tests that failed.
func testGitHub(w io.Writer, results []testResult) error {
	for _, r := range results {
		for _, m := range r.mismatches {
			msg := fmt.Sprintf("test %s: %s: want %s, got %s (%s)", r.test.Name, m.Key, m.Want, m.Got, r.decision.Reason)
			if _, err := fmt.Fprintln(w, findings.Annotation{Command: "error", Pos: m.Pos, Message: msg}); err != nil {
				return err
			}
		}
	}
	return nil
}
