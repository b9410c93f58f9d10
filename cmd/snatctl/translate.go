package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
	"github.com/snatctl/snatctl/translate"
	"github.com/snatctl/snatctl/translate/ipvsadm"
	"github.com/snatctl/snatctl/translate/keepalived"
)

// exitGaps: translated, with warnings.
const exitGaps = 3

type translateOptions struct {
	kind, file string
	dialect    string
	vrrp, id   string
	report     string
}

func translateCommand() *cobra.Command {
	var o translateOptions
	var files []string
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "translate ipvsadm|keepalived FILE",
		Short:       "make a policy of a configuration of ipvsadm or keepalived",
		Long: `Make a policy of a rule dump (ipvsadm -S -n), a script of ipvsadm calls, a listing (ipvsadm -Ln), or
a keepalived.conf: of plain IPVS, and of dsnat, lvs-snat, Alibaba LVS and DPVS. The policy goes to
standard output. What is not carried over whole goes to standard error, with its line.

FILE is a file, or - for standard input. Comments in the policy name the lines that objects come
from. The policy lints without errors; what the language refuses is left out, and reported.

The programs' dialects write different things with the same letters. Which one a file is in is told
by what it says, and printed; where a file contradicts itself, name the dialect with --dialect: ipvs,
alibaba-v2, alibaba-v3, dsnat, lvs-snat, lvs-snat-v2, dpvs.

--report json writes the report as a list of {"line", "construct", "became", "lost", "severity", "code"}.
docs/migrate.md has all constructs with their codes, and how to switch over.

Exit status: 0 translated; 1 the file cannot be read; 2 usage; 3 translated, with warnings.`,
		Example: `  snatctl translate ipvsadm rules.ipvs > policy.yaml
  ipvsadm -S -n | snatctl translate ipvsadm - > policy.yaml
  snatctl translate keepalived /etc/keepalived/keepalived.conf --vrrp vrrp.conf > policy.yaml`,
		ValidArgs: []string{"ipvsadm", "keepalived"},
		RunE: func(_ *cobra.Command, args []string) error {
			args = append(args, files...)
			if len(args) != 2 {
				return errors.New("name what to translate, and one file: snatctl translate ipvsadm|keepalived FILE")
			}
			if o.report != "text" && o.report != "json" {
				return fmt.Errorf("unknown report %q: use text or json", o.report)
			}
			o.kind, o.file = args[0], args[1]
			return translateFile(o)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&files, "file", "f", nil, "the `FILE` to translate, as the argument")
	f.StringVar(&o.dialect, "dialect", "", "whose words the file has: `ipvs|alibaba-v2|alibaba-v3|dsnat|lvs-snat|lvs-snat-v2|dpvs` (default: told by the file)")
	f.StringVar(&o.vrrp, "vrrp", "", "keepalived: write what keepalived keeps, VRRP and the like, to this `FILE`")
	f.StringVar(&o.id, "id", "", "keepalived: the `NAME` that conditions (@name) ask for, as keepalived --config-id")
	f.StringVar(&o.report, "report", "text", "form of the report: `text|json`")
	return c
}

func translateFile(o translateOptions) error {
	dialect, err := translate.ParseDialect(o.dialect)
	if err != nil {
		return fmt.Errorf("--dialect: %w", err)
	}
	name, text, err := configuration(o.file)
	if err != nil {
		return exit{exitRefused, err}
	}
	src := policy.Source{Name: name, Data: text}
	var r *translate.Result
	switch o.kind {
	case "ipvsadm":
		if o.vrrp != "" || o.id != "" {
			return errors.New("--vrrp and --id are for keepalived: ipvsadm has neither")
		}
		r, err = ipvsadm.Translate(src, dialect)
	case "keepalived":
		r, err = keepalived.Translate(src, keepalived.Options{Dialect: dialect, ID: o.id, Files: included})
	default:
		return fmt.Errorf("cannot translate %q: name ipvsadm or keepalived", o.kind)
	}
	if problems := translate.Problems(err); problems != nil {
		view.Problems(stderr, problems)
		return exit{code: exitRefused}
	}
	if err != nil {
		return exit{exitRefused, fmt.Errorf("%s: %w", name, err)}
	}
	if o.vrrp != "" {
		if err := os.WriteFile(o.vrrp, r.Rest, 0o600); err != nil { // it has passwords
			return exit{exitRefused, fmt.Errorf("write what keepalived keeps: %w", err)}
		}
	}
	if _, err := os.Stdout.Write(r.Policy); err != nil {
		return err
	}
	if o.report == "json" {
		err = view.TranslationJSON(os.Stderr, &r.Report)
	} else {
		view.Translation(stderr, &r.Report)
	}
	if err == nil && r.Report.Warnings() > 0 {
		return exit{code: exitGaps}
	}
	return err
}

// configuration reads a file, or standard input for "-".
func configuration(path string) (name string, text []byte, err error) {
	if path == "-" {
		text, err = read.Text(os.Stdin)
		return "<stdin>", text, err
	}
	f, err := os.Open(path)
	if err != nil {
		return path, nil, err
	}
	defer f.Close()
	text, err = read.Text(io.Reader(f))
	return path, text, err
}

// included finds the files that an include of a keepalived.conf names.
func included(from, pattern string) (files []policy.Source, err error) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(from), pattern)
	}
	for _, p := range braces(pattern) {
		paths, err := filepath.Glob(p)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				continue
			}
			name, text, err := configuration(path)
			if err != nil {
				return nil, err
			}
			files = append(files, policy.Source{Name: name, Data: text})
		}
	}
	return files, nil
}

// mostPatterns is how many patterns braces may make of one.
const mostPatterns = 1000

// braces writes a{b,c} out as ab and ac, as glob(3) does with GLOB_BRACE.
func braces(pattern string) []string {
	out := []string{pattern}
	for i := 0; i < len(out) && len(out) < mostPatterns; {
		end := strings.IndexByte(out[i], '}')
		open := strings.LastIndexByte(out[i][:max(end, 0)], '{') // the innermost
		if open < 0 {
			i++
			continue
		}
		before, after := out[i][:open], out[i][end+1:]
		var each []string
		for choice := range strings.SplitSeq(out[i][open+1:end], ",") {
			if p := before + choice + after; !slices.Contains(out, p) { // inner braces repeat what is beside them
				each = append(each, p)
			}
		}
		out = slices.Replace(out, i, i+1, each...)
	}
	return out
}
