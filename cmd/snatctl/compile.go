package main

import (
	"os"

	"github.com/spf13/cobra"
)

func compileCommand() *cobra.Command {
	var files []string
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "compile -f FILE",
		Short:       "print the table as a script for nft -f",
		Long: `Print the nftables table that a policy compiles to, as a script for nft -f. Loading the script
replaces the table in one transaction. Equal policies give equal scripts, byte for byte.

Exit status: 0 printed, 1 invalid policy, 2 usage.`,
		Example: `  snatctl compile -f policy.yaml > table.nft
  nft -c -f table.nft              # let nft check it`,
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := policyFiles(files, args)
			if err != nil {
				return err
			}
			p, want, err := load(files, new(timings), exitRefused)
			if err != nil {
				return err
			}
			if _, err := os.Stdout.WriteString(withoutOffload(p)); err != nil {
				return err
			}
			return want.WriteScript(os.Stdout)
		},
	}
	fileFlag(c, &files)
	return c
}
