package format

import (
	"fmt"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/policy"
)

// BenchmarkComments formats files with very many comments in a row: twice as many take twice
// as long.
func BenchmarkComments(b *testing.B) {
	for _, n := range []int{10_000, 20_000, 40_000} {
		text := "version: 1\nzones:\n- {name: a, from: 10.0.0.0/8, action: accept}\n" + strings.Repeat("  # a comment\n", n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, diag := Format(policy.Source{Name: "policy.yaml", Data: []byte(text)}); diag != nil {
					b.Fatal(diag)
				}
			}
		})
	}
}
