package main

import (
	"os"

	"github.com/spf13/cobra"
)

func completionCommand() *cobra.Command {
	return &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "completion bash|zsh|fish",
		Short:       "print the completion script for a shell",
		Long:        "Print a script that makes a shell complete snatctl's commands, flags and files.",
		Example: `  snatctl completion bash > /etc/bash_completion.d/snatctl
  snatctl completion zsh  > "${fpath[1]}/_snatctl"
  snatctl completion fish > ~/.config/fish/completions/snatctl.fish`,
		ValidArgs:             []string{"bash", "zsh", "fish"},
		Args:                  cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return c.Root().GenBashCompletionV2(os.Stdout, true)
			case "zsh":
				return c.Root().GenZshCompletion(os.Stdout)
			}
			return c.Root().GenFishCompletion(os.Stdout, true)
		},
	}
}
