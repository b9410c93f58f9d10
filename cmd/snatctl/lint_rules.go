package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/policy/lint"
)

// catalogue is all rules in the order of their codes: those of package lint, and what the
// compiler refuses.
func catalogue() []lint.Rule {
	rules := append(lint.Rules(), compilerRules()...)
	slices.SortFunc(rules, func(a, b lint.Rule) int { return strings.Compare(a.Code, b.Code) })
	return rules
}

// tell carries out --rules and --explain, which read no policy.
func (o *lintOptions) tell(w io.Writer, args []string) error {
	if len(args) > 0 || len(o.files) > 0 {
		return errors.New("--rules and --explain read no policy: leave the file out")
	}
	if o.format != "" && o.format != "text" && o.format != "json" {
		return fmt.Errorf("unknown format %q of rules: use text or json", o.format)
	}
	rules := catalogue()
	json := o.format == "json"
	switch {
	case o.rules && json:
		return view.RulesJSON(w, rules)
	case o.rules:
		return view.Rules(w, rules)
	}
	i := slices.IndexFunc(rules, func(r lint.Rule) bool { return strings.EqualFold(r.Code, o.explain) })
	switch {
	case i < 0:
		return fmt.Errorf("there is no rule %q; snatctl lint --rules lists them", o.explain)
	case json:
		return view.RuleJSON(w, rules[i])
	}
	return view.Rule(w, rules[i])
}
