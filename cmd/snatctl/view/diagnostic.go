package view

import (
	"fmt"
	"io"

	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
)

// Diagnostic prints what is wrong with a policy, with its place and a hint at the way out.
func Diagnostic(w io.Writer, d policy.Diagnostic) {
	fmt.Fprintln(w, plain.Text(d.String()))
	if d.Hint != "" {
		fmt.Fprintf(w, "    hint: %s\n", plain.Text(d.Hint))
	}
}
