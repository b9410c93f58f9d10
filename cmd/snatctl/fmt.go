package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	textdiff "github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/format"
	"github.com/snatctl/snatctl/policy/read"
)

// The exit statuses of fmt.
const (
	exitFmtChanges = 1 // with --check: a file is not in canonical form
	exitFmtFailed  = 2 // a file could not be read, formatted or written
)

func fmtCommand() *cobra.Command {
	var files []string
	var check, differences bool
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "fmt FILE...",
		Short:       "rewrite policy files in their canonical form, with their comments",
		Long: `Rewrite policy files in their canonical form and print the names of those that changed. A file
keeps its comments, its mode and its meaning. A file that is not YAML stays as it is; one that is
YAML but not a valid policy is formatted.

The canonical form has the keys in the order of docs/policy.md, two spaces of indentation, a
blank line between sections, and quotes around text with a colon and where YAML needs them. Lists
and mappings in brackets keep their brackets, unless there is a comment inside.

FILE is a file, a directory (its *.yaml and *.yml), or - to read standard input and write to
standard output.

Exit status: 0 all files are formatted; 1 with --check or --diff: a file would change; 2 a file could not
be read, formatted or written (the other files are formatted).`,
		Example: `  snatctl fmt policy.yaml
  snatctl fmt --check /etc/snatctl     # for CI: change nothing, list what would change
  snatctl fmt --diff policy.yaml       # show what would change`,
		RunE: func(_ *cobra.Command, args []string) error {
			paths, err := policyFiles(files, args)
			if err != nil {
				return err
			}
			f := formatter{check: check || differences, diff: differences}
			for _, path := range paths {
				f.path(path)
			}
			return f.status()
		},
	}
	fileFlag(c, &files)
	c.ValidArgsFunction = nil
	c.Flags().BoolVar(&check, "check", false, "change nothing; list the files that would change, and exit with 1 if there are any")
	c.Flags().BoolVar(&differences, "diff", false, "like --check, and show what would change")
	return c
}

// formatter formats files, one after the other, and keeps count.
type formatter struct {
	check, diff     bool
	changed, failed int
}

func (f *formatter) status() error {
	switch {
	case f.failed > 0:
		return exit{exitFmtFailed, fmt.Errorf("%s could not be formatted", plain.Count(f.failed, "file"))}
	case f.check && f.changed > 0:
		return exit{code: exitFmtChanges}
	}
	return nil
}

// path formats what a path names.
func (f *formatter) path(path string) {
	if path == "-" {
		text, err := read.Text(os.Stdin)
		f.source("<stdin>", text, err, func(text []byte) error {
			_, err := os.Stdout.Write(text)
			return err
		})
		return
	}
	files, err := read.Files(path)
	if err != nil {
		f.fail(path, err)
	}
	for _, file := range files {
		text, err := readRegular(file)
		f.source(file, text, err, func(text []byte) error { return replace(file, text) })
	}
}

// source formats one file, and writes what differs.
func (f *formatter) source(name string, text []byte, err error, write func([]byte) error) {
	if err != nil {
		f.fail(name, err)
		return
	}
	formatted, diag := format.Format(policy.Source{Name: name, Data: text})
	if diag != nil {
		f.failed++
		view.Diagnostic(stderr, *diag)
		return
	}
	same := bytes.Equal(text, formatted)
	if !same {
		f.changed++
	}
	switch {
	case f.diff && !same:
		stdout.Write(textdiff.Diff(plain.Text(name), text, plain.Text(name)+" (formatted)", formatted))
	case f.check && !same:
		fmt.Fprintln(stdout, plain.Text(name))
	case f.check, same && name != "<stdin>":
	default:
		if err := write(formatted); err != nil {
			f.fail(name, err)
		} else if name != "<stdin>" {
			fmt.Fprintln(stdout, plain.Text(name))
		}
	}
}

// fail reports a file that cannot be read or written.
func (f *formatter) fail(name string, err error) {
	f.failed++
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	fmt.Fprintf(stderr, "%s: error: %v\n", plain.Text(name), err)
}
