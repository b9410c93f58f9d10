package main

import (
	"strings"
	"testing"
)

// Every command says what it does, how it ends where that tells something, and shows an
// example that begins with its own name.
func TestHelp(t *testing.T) {
	for _, c := range root().Commands() {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: its short text is %q", c.Name(), c.Short)
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: the example %q is not indented", c.Name(), line)
			}
		}
		if !strings.HasPrefix(c.Example, "  snatctl "+c.Name()) {
			t.Errorf("%s: its example is %q", c.Name(), c.Example)
		}
		if c.Flags().Lookup("file") != nil && !strings.Contains(c.Long, "Exit status") && !strings.Contains(c.Long, "exit status") {
			t.Errorf("%s: its help does not tell the exit status", c.Name())
		}
	}
}

// TestHelpOrder: what most people look for comes first, details and exit statuses after the flags.
func TestHelpOrder(t *testing.T) {
	for _, c := range root().Commands() {
		c.InitDefaultHelpFlag()
		text := helpText(c)
		at := -1
		for _, part := range []string{"\nUsage:", "\nExamples:", "\nFlags:", "\nExit status:"} {
			next := strings.Index(text, part)
			if next < 0 && part == "\nExit status:" && !strings.Contains(c.Long, "Exit status:") {
				continue
			}
			if next <= at {
				t.Errorf("%s: %q is not where it should be:\n%s", c.Name(), part, text)
			}
			at = next
		}
		if strings.Count(text[:strings.Index(text, "\nUsage:")], "\n") > 7 {
			t.Errorf("%s: more than six lines come before the usage:\n%s", c.Name(), text)
		}
	}
}

// Policies are named by the same flag everywhere.
func TestFileFlag(t *testing.T) {
	for _, name := range []string{"apply", "diff", "compile", "explain", "test", "lint", "flush"} {
		c, _, err := root().Find([]string{name})
		if err != nil || c.Name() != name {
			t.Fatalf("there is no command %s: %v", name, err)
		}
		if f := c.Flags().Lookup("file"); f == nil || f.Shorthand != "f" {
			t.Errorf("%s has no flag -f/--file", name)
		}
	}
}
