package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/policy"
)

func compileCommand() *cobra.Command {
	var files []string
	var known addressFlag
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "compile -f FILE",
		Short:       "print the table as a script for nft -f",
		Long: `Print the nftables table that a policy compiles to, as a script for nft -f. Loading the script
replaces the table in one transaction. Equal policies give equal scripts, byte for byte.

If a VIP is the address of an interface, only the host knows it: name it with --address.

Exit status: 0 printed, 1 invalid policy, 2 usage.`,
		Example: `  snatctl compile -f policy.yaml > table.nft
  nft -c -f table.nft              # let nft check it
  snatctl compile -f dsl.yaml --address ppp0=203.0.113.7`,
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := policyFiles(files, args)
			if err != nil {
				return err
			}
			w, err := load(files, known.of)
			if err != nil {
				return exit{exitRefused, err}
			}
			if _, err := os.Stdout.WriteString(withoutOffload(w.Policy)); err != nil {
				return err
			}
			return w.Ruleset.WriteScript(os.Stdout)
		},
	}
	fileFlag(c, &files)
	known.add(c)
	return c
}

// withoutOffload says that a script has no flowtable, because it may be meant for another host.
func withoutOffload(p *policy.Policy) string {
	if p.Gateway.Offload == policy.OffloadOff {
		return ""
	}
	where := ""
	if p.Gateway.Offload == policy.OffloadAuto {
		where = ", if the kernel can"
	}
	return fmt.Sprintf("# gateway.offload is %s: snatctl apply adds a flowtable of the interfaces that the host has then%s.\n", p.Gateway.Offload, where)
}
