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

Editors that use yaml-language-server complete and check policies with it, if the policy names
the schema in a comment on a line of its own, by a path relative to the policy or by a URL:

  # yaml-language-server: $schema=policy.schema.json

The schema knows the keys and how their values are written. Mistakes that show only when two keys
or two objects are compared are found by snatctl lint alone.

Exit status: 0.`,
		Example: "  snatctl schema > policy.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := os.Stdout.Write(words.Schema())
			return err
		},
	}
}
