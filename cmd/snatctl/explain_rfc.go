package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/policy/rfc"
)

// conformanceCommand says how a policy answers an RFC.
func conformanceCommand(d rfc.Document) *cobra.Command {
	var files []string
	var format string
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         d.Name() + " -f FILE",
		Short:       fmt.Sprintf("print what RFC %d (NAT of %s) asks, and how the policy answers", d.Number, d.About),
		Long: fmt.Sprintf(`Say of each requirement of RFC %d whether a gateway with this policy meets it: met, met by a key of the
policy, or not met, and why. It reads the policy alone, not the kernel. docs/rfc.md has all answers that there are.

Exit status: 0 explained, whatever the answers are; 1 invalid policy; 2 usage.`, d.Number),
		Example: fmt.Sprintf(`  snatctl explain %s -f policy.yaml
  snatctl explain %[1]s -f policy.yaml --format json | jq '.requirements[] | select(.verdict == "not-met")'`, d.Name()),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if files, err = policyFiles(files, args); err != nil {
				return err
			}
			if err := checkFormat(format); err != nil {
				return err
			}
			p, err := readPolicy(files)
			if err != nil {
				return exit{exitRefused, err}
			}
			if format == "json" {
				return view.ConformanceJSON(outlet(format), d, d.Judge(p))
			}
			view.Conformance(outlet(format), d, d.Judge(p))
			return nil
		},
	}
	fileFlag(c, &files)
	c.Flags().StringVar(&format, "format", "text", "format of the output: `text|json`")
	return c
}
