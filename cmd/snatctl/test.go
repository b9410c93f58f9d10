package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/policy"
)

const (
	exitTestFailed  = 1
	exitTestInvalid = 2
)

func testCommand() *cobra.Command {
	var files []string
	var format string
	var known addressFlag
	c := &cobra.Command{
		Annotations: map[string]string{heedless: "", decides: ""},
		Use:         "test -f FILE",
		Short:       "run the tests in the policy",
		Long: `Run the tests that the policy contains. Each test sends the first packet of a connection through
the policy and compares the result with what the test expects. The evaluation is the same as in
explain: it reads the policy alone, not the kernel.

Every possible result must lie in the snat and dnat that the test lists: addresses, ranges and
prefixes, with or without ports; none means no translation, masquerade the interface's address.
If a VIP is the address of an interface, name it with --address.

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
			if err == nil {
				p, err = known.resolve(p, "no test calls them")
			}
			if err != nil {
				return exit{exitTestInvalid, err}
			}
			outcomes := p.RunTests()
			lost := print(outlet(format), outcomes)
			if slices.ContainsFunc(outcomes, policy.Outcome.Failed) {
				return errors.Join(exit{code: exitTestFailed}, lost)
			}
			return lost
		},
	}
	fileFlag(c, &files)
	known.add(c)
	c.Flags().StringVar(&format, "format", "text", "format of the output: `text|json|github`")
	return c
}

var testFormats = map[string]func(io.Writer, []policy.Outcome) error{
	"text": view.Tests, "json": view.TestsJSON, "github": view.TestsGitHub,
}
