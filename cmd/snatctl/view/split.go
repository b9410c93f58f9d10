package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Split writes what nodes have of a pool as a part of a policy.
func Split(w io.Writer, pool string, shares []policy.Share, left []inet.Range) error {
	var b strings.Builder
	fmt.Fprintf(&b, "laddrs:\n  %s:\n    nodes:\n", pool)
	for _, s := range shares {
		value := "none"
		if len(s.Ranges) == 1 {
			value = quoted(s.Ranges[0])
		} else if len(s.Ranges) > 1 {
			value = "[" + joined(s.Ranges, quoted) + "]"
		}
		fmt.Fprintf(&b, "      %s: %s\n", s.Node, value)
	}
	if len(left) > 0 {
		fmt.Fprintf(&b, "    # to spare: %s\n", joined(left, inet.Range.String))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted writes addresses as YAML has them: those of IPv6 have colons.
func quoted(r inet.Range) string {
	if r.Family() == inet.V6 {
		return `"` + r.String() + `"`
	}
	return r.String()
}

func joined(ranges []inet.Range, text func(inet.Range) string) string {
	out := make([]string, len(ranges))
	for i, r := range ranges {
		out[i] = text(r)
	}
	return strings.Join(out, ", ")
}
