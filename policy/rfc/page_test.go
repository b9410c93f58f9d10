package rfc

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/golden"
)

// TestRFCPage makes docs/rfc.md of the table; -update writes it.
func TestRFCPage(t *testing.T) { golden.Text(t, "../../docs/rfc.md", page()) }

const pageHead = `# The RFCs about NAT

This page is made from the table in ` + "`policy/rfc`" + `. Do not edit it: change that, and run ` + "`make docs`" + `.

What RFC 4787 (UDP), RFC 5382 (TCP), RFC 5508 (ICMP) and RFC 6888 (carriers) ask of a NAT, in our own words, and what becomes of it here. The kernel translates, so some of it
cannot be had: **not met** says why. What is met has a test that shows it with packets, or says by which key
of the policy. For one policy, ` + "`snatctl explain rfc4787 -f FILE`" + ` says which of the answers is the one, and for which of its zones.

` + "```sh" + `
snatctl explain rfc4787 -f /etc/snatctl/policy.yaml
snatctl explain rfc4787 -f /etc/snatctl/policy.yaml --format json | jq '.requirements[] | select(.verdict == "not-met" and .level == "MUST")'
` + "```" + `

A policy whose zones translate no sources is no NAT in the sense of these RFCs: then they ask nothing.
`

func page() []byte {
	var b bytes.Buffer
	b.WriteString(pageHead)
	for _, d := range Documents() {
		fmt.Fprintf(&b, "\n## RFC %d: %s\n\n| | asks | answer | why | shown by |\n|---|---|---|---|---|\n", d.Number, d.About)
		for _, r := range d.Requirements {
			number, asks := fmt.Sprintf("%s %s", r.Number, r.Level), r.Asks
			for _, a := range r.Answers {
				answer := say(a.Verdict, a.Key, nil)
				if a.Verdict == NotMet {
					answer = strings.Replace(answer, "not met", "**not met**", 1)
				}
				if a.When != "" {
					answer = "If " + a.When + ": " + answer
				} else if len(r.Answers) > 1 {
					answer = "Else: " + answer
				}
				test := ""
				if a.Test != "" {
					test = "`" + a.Test + "`"
				}
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", number, asks, answer, a.Why, test)
				number, asks = "", ""
			}
		}
	}
	return b.Bytes()
}
