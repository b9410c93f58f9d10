package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// setHelp makes every command's help say first what most people look for: what the command
// does, how it is called, an example, the flags. Details and exit statuses follow.
func setHelp(root *cobra.Command) {
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		fmt.Fprint(c.OutOrStdout(), helpText(c))
	})
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Use, c.Short, c.Long = "help [COMMAND]", "print the help of a command", "Print the help of a command, as snatctl COMMAND --help does."
			c.Example = "  snatctl help apply"
		}
	}
}

// helpText is the whole help of a command.
func helpText(c *cobra.Command) string {
	lead, details := c.Long, ""
	switch {
	case lead == "":
		lead = strings.ToUpper(c.Short[:1]) + c.Short[1:] + "."
	case c.HasParent():
		lead, details, _ = strings.Cut(c.Long, "\n\n")
	}
	text := lead + "\n\n" + c.UsageString()
	if details != "" {
		text += "\n" + strings.TrimRight(details, "\n") + "\n"
	}
	return text
}
