package findings

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/policy"
)

// BenchmarkLongLine prints many findings on one line: twice as many on a line twice as long
// take twice as long.
func BenchmarkLongLine(b *testing.B) {
	const item = "{name: zone, from: 10.0.0.5/8}, "
	for _, n := range []int{1_000, 2_000, 4_000} {
		r := Report{Sources: []policy.Source{{Name: "policy.yaml", Data: []byte(strings.Repeat(item, n))}}}
		for i := range n {
			r.Findings = append(r.Findings, Finding{Diagnostic: policy.Diagnostic{
				Pos: policy.Pos{File: "policy.yaml", Line: 1, Col: 1 + i*len(item)}, Severity: policy.Error, Code: "Z03", Msg: "host bits set"}})
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if err := r.Text(io.Discard, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
