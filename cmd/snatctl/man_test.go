package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestManPages makes the manual pages: one of each command's help, and one of docs/policy.md. Packages
// get them by $SNATCTL_MAN, a directory; without it they go away. A test makes them so that the program
// does not carry what makes them.
func TestManPages(t *testing.T) {
	dir := os.Getenv("SNATCTL_MAN")
	if dir == "" {
		dir = t.TempDir()
	}
	pages, err := manPages(root(), manDate(t))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for name, text := range pages {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Log("not checked by mandoc, which is not installed")
		return
	}
	if out, err := exec.Command(mandoc, append([]string{"-T", "lint", "-W", "error"}, files...)...).CombinedOutput(); err != nil {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

// Every command and every flag has its place in a page.
func TestManPagesAreWhole(t *testing.T) {
	pages, err := manPages(root(), time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	all := allCommands(root())
	if len(pages) != len(all)+1 {
		t.Errorf("%d pages of %d commands, want one more, the policy's", len(pages), len(all))
	}
	for _, c := range all {
		page := string(pages[manName(c)+".1"])
		for _, want := range []string{".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH SEE ALSO"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page of %s has no %s", c.CommandPath(), want)
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if plain := strings.ReplaceAll(page, `\-`, "-"); !f.Hidden && f.Name != "help" && !strings.Contains(plain, "--"+f.Name) {
				t.Errorf("the page of %s has no --%s", c.CommandPath(), f.Name)
			}
		})
	}
}

// manDate is the date in the pages' heads: that of $SOURCE_DATE_EPOCH, so that equal sources make equal
// pages (reproducible-builds.org/specs/source-date-epoch).
func manDate(t *testing.T) time.Time {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now()
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(seconds, 0).UTC()
}

// manPages are the pages by the names of their files: snatctl.1, one for each command, snatctl-policy.5.
func manPages(root *cobra.Command, date time.Time) (map[string][]byte, error) {
	pages := map[string][]byte{}
	for _, c := range allCommands(root) {
		pages[manName(c)+".1"] = md2man.Render(commandPage(c, date))
	}
	reference, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		return nil, err
	}
	_, body, _ := bytes.Cut(reference, []byte("run `make docs`.\n"))
	head := manHead("snatctl-policy", 5, date) + "# NAME\nsnatctl-policy - the language of snatctl's policies\n\n# DESCRIPTION\n"
	pages["snatctl-policy.5"] = md2man.Render(append([]byte(head), body...))
	return pages, nil
}

func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func manHead(name string, section int, date time.Time) string {
	return fmt.Sprintf("%% %q \"%d\" %q \"snatctl\" \"snatctl\"\n", name, section, date.Format(time.DateOnly))
}

// allCommands are a command and all below it that people call.
func allCommands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, below := range c.Commands() {
		if !below.Hidden && below.Name() != "help" {
			all = append(all, allCommands(below)...)
		}
	}
	return all
}

// commandPage is the page of a command as Markdown in the form of md2man.
func commandPage(c *cobra.Command, date time.Time) []byte {
	var b bytes.Buffer
	b.WriteString(manHead(manName(c), 1, date))
	fmt.Fprintf(&b, "# NAME\n%s - %s\n\n# SYNOPSIS\n**%s**%s\n", manName(c), c.Short, c.CommandPath(), special.Replace(strings.TrimPrefix(c.UseLine(), c.CommandPath())))
	long := c.Long
	if long == "" {
		long = strings.ToUpper(c.Short[:1]) + c.Short[1:] + "."
	}
	long, statuses, _ := strings.Cut(long, "Exit status:")
	fmt.Fprintf(&b, "\n# DESCRIPTION\n%s\n", prose(long))
	manFlags(&b, c)
	if statuses != "" {
		fmt.Fprintf(&b, "\n# EXIT STATUS\n%s\n", prose(strings.TrimSpace(statuses)))
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "\n# EXAMPLES\n```\n%s\n```\n", unindent(c.Example))
	}
	see := []string{"**snatctl-policy**(5)"}
	for _, other := range c.Commands() {
		if !other.Hidden && other.Name() != "help" {
			see = append(see, "**"+manName(other)+"**(1)")
		}
	}
	if c.HasParent() {
		see = append(see, "**"+manName(c.Parent())+"**(1)")
	}
	slices.Sort(see)
	fmt.Fprintf(&b, "\n# SEE ALSO\n%s\n", strings.Join(see, ", "))
	return b.Bytes()
}

func manFlags(b *bytes.Buffer, c *cobra.Command) {
	first := true
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		if first {
			b.WriteString("\n# OPTIONS\n")
			first = false
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "**--" + f.Name + "**"
		if f.Shorthand != "" {
			name = "**-" + f.Shorthand + "**, " + name
		}
		if value != "" {
			name += " *" + value + "*"
		}
		switch f.DefValue {
		case "", "false", "[]", "0", "0s":
		default:
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(b, "%s\n: %s\n\n", name, outsideCode(usage))
	})
}
