package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/soak"
	"github.com/snatctl/snatctl/policy/words"
)

// evil returns hostile texts: the one that all tests use, and in make soak as many random ones.
func evil(more int) []string {
	out := []string{hostile}
	pieces := []string{"::", "::error::forged", "::stop-commands::x", "##[group]", "\n", "\r", "\x1b[31m", "\x1b]0;t\a", "\u202e", "\u009b2J", "\x00", "\xff", "web", " ", "\t", "%0A", "\"", "'", "{", "#", ":", "-", "\ufdd031\ufdd1"}
	for range soak.Count(0, more) {
		var b strings.Builder
		for range 1 + rand.IntN(6) {
			b.WriteString(pieces[rand.IntN(len(pieces))])
		}
		out = append(out, b.String())
	}
	return out
}

// TestHostileFlags gives every flag of every command a hostile value, and every command a hostile
// argument, where no table is and where one is.
func TestHostileFlags(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	h, dir := nstest.NewHost(t, "gateway"), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte("version: 1\nzones: [{name: z, from: 10.0.0.0/8, oif: wan, laddrs: 198.51.100.1}]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	runs := 0
	try := func(args ...string) {
		for _, a := range args {
			if strings.ContainsRune(a, 0) {
				return // no argument of a program has one
			}
		}
		runs++
		c := programIn(t, h, args...)
		c.Path, c.Args = "/usr/bin/timeout", append([]string{"timeout", "-s", "KILL", "0.7"}, c.Args...) // some wait for events
		c.Dir = dir
		harmless(t, c)
	}
	try("apply", "-f", "policy.yaml", "--state-dir", "state")
	for _, text := range evil(20) {
		var walk func(c *cobra.Command, path []string)
		walk = func(c *cobra.Command, path []string) {
			for _, sub := range c.Commands() {
				walk(sub, append(path[:len(path):len(path)], sub.Name()))
			}
			if len(path) == 0 {
				return
			}
			// Never the history of the machine that runs the tests.
			own := func(args ...string) []string {
				if c.Flags().Lookup("state-dir") != nil {
					args = append(args, "--state-dir", "state")
				}
				return append(path[:len(path):len(path)], args...)
			}
			try(own(text)...)
			c.Flags().VisitAll(func(f *pflag.Flag) {
				args := own("--" + f.Name + "=" + text)
				if f.Name == "state-dir" {
					args = append(path[:len(path):len(path)], "--state-dir="+text)
				}
				if f.Name != "file" && c.Flags().Lookup("file") != nil {
					args = append(args, "--file", "policy.yaml")
				}
				try(args...)
			})
		}
		walk(root(), nil)
	}
	if runs < 100 {
		t.Errorf("only %d runs: the walk finds too little", runs)
	}
}

// TestHostileKeys gives every key of the language a hostile value, and looks at the policy by every command
// that reads one.
func TestHostileKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	commands := []string{"lint", "lint --format github", "test", "test --format github", "fmt --check", "compile", "explain --from 10.1.1.1 --to 8.8.8.8 --proto icmp"}
	for n, text := range evil(3) {
		value, err := yaml.Marshal(yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: strings.ToValidUTF8(text, "?")})
		if err != nil {
			t.Fatal(err)
		}
		for i := range words.Language() {
			k := &words.Language()[i]
			path := filepath.Join(dir, "policy.yaml")
			if err := os.WriteFile(path, []byte(k.Sample(strings.TrimSpace(string(value)))), 0o666); err != nil {
				t.Fatal(err)
			}
			for j, command := range commands {
				if soak.Long() || (i+j+n)%len(commands) == 0 { // in short, one command a key
					c := program(t, append(strings.Fields(command), "policy.yaml")...)
					c.Dir = dir
					harmless(t, c)
				}
			}
		}
	}
}
