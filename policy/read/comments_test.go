package read

import (
	"fmt"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/policy"
)

func TestComments(t *testing.T) {
	src := policy.Source{Name: "p.yaml", Data: []byte("\xef\xbb\xbf# mark top\r\n" + `version: 1 # mark behind
tests: # why # mark second
  - name: "a # mark quoted" # mark after quotes
  - name: 'it''s # mark quoted
      # mark still' # mark after
  # marked no word of ours
  - name: nobody's # mark plain
  - name: | # mark at the block
      text # mark inside
      # mark inside
    from: x#mark glued
  - {name: "\" # mark escaped", to: ä} #mark tight
  - &a "# mark anchored"
  - # mark
`)}
	var got []string
	for _, c := range Comments(src, "mark") {
		got = append(got, fmt.Sprintf("%d:%d %v %q", c.Pos.Line, c.Pos.Col, c.Alone, c.Text))
	}
	want := []string{`1:1 true "top"`, `2:12 false "behind"`, `3:14 false "second"`, `4:29 false "after quotes"`, `6:21 false "after"`,
		`8:20 false "plain"`, `9:13 false "at the block"`, `13:40 false "tight"`, `15:5 false ""`}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	for _, bad := range []string{"[ # mark", "", "# mark", "\xff # mark"} {
		if got := Comments(policy.Source{Name: "p", Data: []byte(bad)}, "mark"); got != nil {
			t.Errorf("%q gives %v", bad, got)
		}
	}
}
