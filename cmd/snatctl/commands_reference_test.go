package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/snatctl/snatctl/internal/golden"
)

// TestCommandsPage makes docs/commands.md of the help of all commands; -update writes it.
func TestCommandsPage(t *testing.T) {
	golden.Text(t, "../../docs/commands.md", commandsPage(root()))
}

const commandsHead = `# Commands

This page is made from the help of the commands. Do not edit it: change the help in ` + "`cmd/snatctl`" + ` and run ` + "`make docs`" + `.
`

const commandsShared = `
Results go to standard output, warnings and progress to standard error. Colour appears on a terminal only, and never with
` + "`NO_COLOR`" + `. ` + "`snatctl COMMAND --help`" + ` prints the same as the section of that command. [docs/ci.md](ci.md) shows a difference as JSON,
[docs/flows.md](flows.md) flows and status as JSON.

## Exit statuses

Each command says below which of these it uses.

| status | meaning |
|---|---|
| 0 | done, or nothing to do. ` + "`diff`" + `: no difference. ` + "`lint`, `test`, `fmt --check`, `status --check`" + `: all is well |
| 1 | refused or failed, and nothing was changed; or the answer is no: there are differences, findings or failed tests, or nothing was found. ` + "`status --check`" + `: a warning |
| 2 | wrong usage. ` + "`diff`, `lint`, `test`, `fmt`" + `: could not run. ` + "`status --check`" + `: critical, or the state could not be read |
| 4 | the policy is in force, but something after it failed: some connections that contradict it could not be ended, or the history could not be written |
| 5 | not confirmed in time, and taken back |
| 6 | another apply of the same table is running, or an agent holds it; nothing was changed |
| 7 | ` + "`boot`" + ` alone: an older policy than the last good one is in force |
`

// commandsPage writes one section for each command, in the order and the groups of --help.
func commandsPage(root *cobra.Command) []byte {
	var b bytes.Buffer
	b.WriteString(commandsHead)
	for _, g := range root.Groups() {
		fmt.Fprintf(&b, "\n**%s**\n\n| command | what it does |\n|---|---|\n", strings.TrimSuffix(g.Title, ":"))
		for _, c := range group(root, g.ID) {
			fmt.Fprintf(&b, "| [`%s`](#snatctl-%[1]s) | %s |\n", c.Name(), cell(c.Short))
		}
	}
	b.WriteString(commandsShared)
	for _, g := range root.Groups() {
		fmt.Fprintf(&b, "\n## %s\n", strings.TrimSuffix(g.Title, ":"))
		for _, c := range group(root, g.ID) {
			commandSection(&b, c)
		}
	}
	return b.Bytes()
}

func group(root *cobra.Command, id string) []*cobra.Command {
	var out []*cobra.Command
	for _, c := range root.Commands() {
		if c.GroupID == id {
			out = append(out, c)
		}
	}
	return out
}

func commandSection(b *bytes.Buffer, c *cobra.Command) {
	long := c.Long
	if long == "" {
		long = strings.ToUpper(c.Short[:1]) + c.Short[1:] + "."
	}
	fmt.Fprintf(b, "\n### %s\n\n`%s`\n\n%s\n", c.CommandPath(), c.UseLine(), prose(long))
	fmt.Fprintf(b, "\n```sh\n%s\n```\n", unindent(c.Example))
	first := true
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		if first {
			b.WriteString("\n| flag | default | what it does |\n|---|---|---|\n")
			first = false
		}
		b.WriteString(flagRow(f))
	})
	for _, below := range c.Commands() {
		commandSection(b, below)
	}
}

func flagRow(f *pflag.Flag) string {
	value, usage := pflag.UnquoteUsage(f)
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if value != "" {
		name += " " + value
	}
	def := "`" + f.DefValue + "`"
	switch f.DefValue {
	case "", "false", "[]", "0", "0s":
		def = ""
	}
	return fmt.Sprintf("| `%s` | %s | %s |\n", strings.ReplaceAll(name, "|", `\|`), def, cell(usage))
}

var (
	// listlike is a line that Markdown would take for an item of a list or for a heading.
	listlike = regexp.MustCompile(`^([-+#>]|\d+[.)])( |$)`)
	special  = strings.NewReplacer("*", `\*`, "<", `\<`)
)

// prose makes Markdown of a help text: indented lines are what one types, all else is text.
func prose(long string) string {
	var b strings.Builder
	code := false
	for line := range strings.Lines(long) {
		line = strings.TrimRight(line, "\n")
		if indented := strings.HasPrefix(line, "  "); indented != code {
			code = indented
			if code {
				b.WriteString("\n```\n")
			} else {
				b.WriteString("```\n")
				if line != "" {
					b.WriteString("\n")
				}
			}
		}
		if code {
			b.WriteString(strings.TrimPrefix(line, "  ") + "\n")
			continue
		}
		line = strings.Replace(outsideCode(line), "Exit status:", "**Exit status**:", 1)
		if listlike.MatchString(line) {
			line = `\` + line
		}
		b.WriteString(line + "\n")
	}
	if code {
		b.WriteString("```\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// outsideCode escapes what Markdown would take for markup, but for what stands in backquotes.
func outsideCode(text string) string {
	parts := strings.Split(text, "`")
	for i := range parts {
		if i%2 == 0 {
			parts[i] = special.Replace(parts[i])
		}
	}
	return strings.Join(parts, "`")
}

func cell(text string) string { return strings.ReplaceAll(outsideCode(text), "|", `\|`) }

func unindent(example string) string {
	lines := strings.Split(strings.TrimRight(example, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}

// TestProse: help texts stay what they are as Markdown.
func TestProse(t *testing.T) {
	for text, want := range map[string]string{
		"takes *.yaml and\n- twice":      "takes \\*.yaml and\n\\- twice",
		"so:\n  x *y*\nthen":             "so:\n\n```\nx *y*\n```\n\nthen",
		"so:\n  x\n\nthen `a_*`":         "so:\n\n```\nx\n```\n\nthen `a_*`",
		"Exit status: 0 fine, 1 failed.": "**Exit status**: 0 fine, 1 failed.",
	} {
		if got := prose(text); got != want {
			t.Errorf("prose(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestCommandsPageIsWhole: every command and flag stands on the page.
func TestCommandsPageIsWhole(t *testing.T) {
	page := string(commandsPage(root()))
	for _, c := range root().Commands() {
		if c.GroupID == "" {
			t.Errorf("%s is in no group of --help", c.Name())
		}
		if !strings.Contains(page, "\n### snatctl "+c.Name()+"\n") {
			t.Errorf("docs/commands.md lacks %s", c.Name())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(page, "--"+f.Name) {
				t.Errorf("docs/commands.md lacks --%s of %s", f.Name, c.Name())
			}
		})
	}
}
