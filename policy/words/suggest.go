package words

import (
	"fmt"
	"strings"
)

// DidYouMean returns ` (did you mean "x"?)` for the known word that is nearest to what
// was written, and nothing where none is near.
func DidYouMean[T ~string](written string, known []T) string {
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

// List writes words as operators read them: "a, b or c".
func List[T ~string](words []T) string {
	var b strings.Builder
	for i, word := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(word))
	}
	return b.String()
}
