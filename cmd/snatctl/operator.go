package main

import (
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"
)

// defaultStateDir is where history lives unless a service manager gives another directory
// (systemd.exec(5), StateDirectory).
const defaultStateDir = "/var/lib/snatctl"

// usualStateDir is where the history lives unless a flag says otherwise.
func usualStateDir() string {
	if given, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); given != "" {
		return given
	}
	return defaultStateDir
}

func stateDirFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "state-dir", usualStateDir(), "keep the history of what was applied in this `directory`")
	c.Flags().Lookup("state-dir").DefValue = defaultStateDir
	_ = c.MarkFlagDirname("state-dir")
}

// operator names who runs this, and behind sudo who asked for it.
func operator() string {
	name := fmt.Sprintf("uid %d", os.Geteuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if by := os.Getenv("SUDO_USER"); by != "" && by != name {
		return by + " as " + name
	}
	return name
}
