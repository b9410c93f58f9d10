package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/policy/words"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "schema",
		Short:       "print the JSON Schema of the policy language, for editors",
		Long: `Print the JSON Schema (draft 2020-12) of the policy language.

Editors that speak to yaml-language-server complete and check policies by it, if the policy
says so in a comment of its own line, with a path relative to the policy, or a URL:

  # yaml-language-server: $schema=policy.schema.json

The schema knows keys and how their values are written. What it takes to compare two keys or
two objects, only snatctl itself reports.

Exit status: 0.`,
		Example: "  snatctl schema > policy.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := os.Stdout.Write(words.Schema())
			return err
		},
	}
}
