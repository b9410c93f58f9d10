package view

import (
	"fmt"
	"io"

	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy/rfc"
)

// conformance is how a policy answers an RFC, as JSON.
type conformance struct {
	RFC          int           `json:"rfc"`
	About        string        `json:"about"`
	Requirements []rfc.Finding `json:"requirements"`
}

// ConformanceJSON prints how a policy answers an RFC.
func ConformanceJSON(w io.Writer, d rfc.Document, all []rfc.Finding) error {
	return JSON(w, conformance{d.Number, d.About, all})
}

// Conformance prints it for people.
func Conformance(w io.Writer, d rfc.Document, all []rfc.Finding) {
	n := rfc.Count(all)
	fmt.Fprintf(w, "RFC %d, NAT of %s: %d met, %d met by a key, %d not met, %d ask nothing of this policy\n", d.Number, d.About, n[rfc.Met], n[rfc.MetByKey], n[rfc.NotMet], n[rfc.NoMatter])
	for _, f := range all {
		fmt.Fprintf(w, "\n%s %s: %s\n  asks: %s\n  %s\n", f.Requirement, f.Level, plain.Text(f.String()), f.Asks, f.Why)
		if f.Test != "" {
			fmt.Fprintf(w, "  shown by %s\n", f.Test)
		}
	}
}
