package policy

import (
	"fmt"
	"slices"
)

// didYouMean returns ` (did you mean "x"?)` for the known word that is nearest to what
// was written, and nothing where none is near.
func didYouMean[T ~string](written string, known []T) string {
	if len(written) > 64 {
		return ""
	}
	best, at := max(len(written)/3, 2)+1, -1
	for i, k := range known {
		if d := distance(written, string(k)); d < best && d < max(len(k), len(written)) {
			best, at = d, i
		}
	}
	if at < 0 {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", string(known[at]))
}

// distinct finds values that come twice. Lists are short as a rule, so a map is made
// only for long ones.
type distinct[T comparable] struct {
	few  [8]T
	n    int // of few
	many map[T]bool
}

// add tells whether v is new.
func (d *distinct[T]) add(v T) bool {
	if d.has(v) {
		return false
	}
	switch {
	case d.many != nil:
		d.many[v] = true
	case d.n < len(d.few):
		d.few[d.n] = v
		d.n++
	default:
		d.many = map[T]bool{v: true}
		for _, f := range d.few {
			d.many[f] = true
		}
	}
	return true
}

func (d *distinct[T]) has(v T) bool {
	if d.many != nil {
		return d.many[v]
	}
	return slices.Contains(d.few[:d.n], v)
}

// distance is the number of characters to insert, delete or replace to make b of a
// (Levenshtein). Underscore and dash count as equal.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left, diagonal := i+1, i
		for j := range len(b) {
			d := diagonal
			if plainDash(a[i]) != plainDash(b[j]) {
				d++
			}
			diagonal = row[j+1]
			d = min(d, left+1, diagonal+1)
			row[j], left = left, d
		}
		row[len(b)] = left
	}
	return row[len(b)]
}

func plainDash(c byte) byte {
	if c == '_' {
		return '-'
	}
	return c
}
