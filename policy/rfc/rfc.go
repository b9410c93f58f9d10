// Package rfc holds what the RFCs about NAT ask of a gateway, requirement by requirement, and judges how a
// policy answers: it is met, it is met by a key of the policy, or it is not, and why.
//
// The requirements are a table. Its texts are in our own words; the RFCs are what counts. The package is
// pure. `snatctl explain rfc4787` prints its verdicts, and docs/rfc.md all answers that there are.
package rfc

import (
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/policy"
)

// Document is an RFC.
type Document struct {
	Number       int
	About        string // what of NAT it is about
	Requirements []Requirement
}

// Documents are the RFCs that are known, in the order of their numbers.
func Documents() []Document { return []Document{udp(), tcp(), icmp(), cgn()} }

// Name returns the RFC as commands write it: "rfc4787".
func (d Document) Name() string { return fmt.Sprintf("rfc%d", d.Number) }

// Requirement is one thing that an RFC asks for.
type Requirement struct {
	Number  string // "REQ-5", "REQ-5a"
	Level   Level
	Asks    string   // in a sentence
	Answers []Answer // the first that holds counts; the last one always holds
}

// Level is how much an RFC wants something (RFC 2119).
type Level string

// The levels. A MUST NOT is a MUST here, as its text says what must not be.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
	May    Level = "MAY"
)

// Answer is one of the ways in which gateways meet a requirement, or do not.
type Answer struct {
	When    string // which policies it is about, in words; empty: all that no answer before it is about
	Holds   judge  // nil: for all
	Verdict Verdict
	Key     string // of the policy: by which it is met, or would be
	Why     string
	Test    string // that shows it with packets; whatever is met has one
}

// judge tells whether an answer is about a policy, and about which objects of it; no objects: the whole of it.
type judge func(*policy.Policy) (holds bool, objects []string)

// Verdict is whether a requirement is met.
type Verdict string

// The verdicts.
const (
	Met      Verdict = "met"
	MetByKey Verdict = "met-by-key" // Key says by which
	NotMet   Verdict = "not-met"    // Why says why; Key says what would meet it, if anything does
	NoMatter Verdict = "no-matter"  // it asks nothing of such a policy
)

// Finding is the verdict about one requirement for a policy.
type Finding struct {
	Requirement string   `json:"requirement"`
	Level       Level    `json:"level"`
	Asks        string   `json:"asks"`
	Verdict     Verdict  `json:"verdict"`
	Key         string   `json:"key,omitempty"`
	Objects     []string `json:"objects,omitempty"` // of the policy, that the verdict is about; none: the whole of it
	Why         string   `json:"why"`
	Test        string   `json:"test,omitempty"`
}

// Judge says how a policy answers an RFC, requirement by requirement.
func (d Document) Judge(p *policy.Policy) []Finding {
	var out []Finding
	none := noNAT(p)
	for _, r := range d.Requirements {
		if none {
			out = append(out, Finding{Requirement: r.Number, Level: r.Level, Asks: r.Asks, Verdict: NoMatter, Why: "No zone translates sources."})
			continue
		}
		for _, a := range r.Answers {
			holds, objects := true, []string(nil)
			if a.Holds != nil {
				holds, objects = a.Holds(p)
			}
			if holds {
				out = append(out, Finding{r.Number, r.Level, r.Asks, a.Verdict, a.Key, objects, a.Why, a.Test})
				break
			}
		}
	}
	return out
}

// Count returns how many findings have each verdict.
func Count(all []Finding) map[Verdict]int {
	n := make(map[Verdict]int)
	for _, f := range all {
		n[f.Verdict]++
	}
	return n
}

// String says a verdict in words: "met by `timeouts: rfc`".
func (f Finding) String() string { return say(f.Verdict, f.Key, f.Objects) }

func say(v Verdict, key string, objects []string) string {
	text := map[Verdict]string{Met: "met", MetByKey: "met by `" + key + "`", NotMet: "not met", NoMatter: "asks nothing here"}[v]
	if v == NotMet && key != "" {
		text += ", `" + key + "` would"
	}
	if len(objects) > 0 {
		text += " (" + strings.Join(objects, ", ") + ")"
	}
	return text
}
