package ipvsadm

import (
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// mostBraced is how many words {1..9} and {a,b} may make of one.
const mostBraced = 4096

// braced returns the words that {1..9} and {a,b} make of one; false where it has neither, or they
// make too many. What bash does not take for these, such as {1..$N}, stays in the words.
func braced(w *syntax.Word) (words []*syntax.Word, ok bool) {
	text := &syntax.Word{Parts: slices.Clone(w.Parts)}
	for _, part := range w.Parts {
		if lit, is := part.(*syntax.Lit); is && strings.Contains(lit.Value, `\`) {
			return nil, false
		}
	}
	if !syntax.SplitBraces(text) {
		return nil, false
	}
	return apart(text)
}

// apart returns a word once for each choice in its braces.
func apart(w *syntax.Word) (words []*syntax.Word, ok bool) {
	words = []*syntax.Word{{}}
	for _, part := range w.Parts {
		choices := []*syntax.Word{{Parts: []syntax.WordPart{part}}}
		if b, is := part.(*syntax.BraceExp); is {
			if choices, ok = choicesOf(b); !ok {
				return nil, false
			}
		}
		var longer []*syntax.Word
		for _, word := range words {
			for _, c := range choices {
				longer = append(longer, &syntax.Word{Parts: slices.Concat(word.Parts, c.Parts)})
			}
			if len(longer) > mostBraced {
				return nil, false
			}
		}
		words = longer
	}
	return words, true
}

// choicesOf returns what braces stand for: {a,b}, or the numbers of {1..9}.
func choicesOf(b *syntax.BraceExp) (words []*syntax.Word, ok bool) {
	if !b.Sequence {
		for _, e := range b.Elems {
			some, ok := apart(e)
			if !ok || len(words)+len(some) > mostBraced {
				return nil, false
			}
			words = append(words, some...)
		}
		return words, true
	}
	var ends [2]int
	for i, e := range b.Elems {
		n, err := strconv.Atoi(e.Lit())
		if err != nil || i > 1 || strconv.Itoa(n) != e.Lit() { // {a..f}, {1..9..2}, {01..10}
			return nil, false
		}
		ends[i] = n
	}
	step := 1
	if ends[1] < ends[0] {
		step = -1
	}
	for n := ends[0]; len(words) <= mostBraced; n += step {
		words = append(words, &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: strconv.Itoa(n)}}})
		if n == ends[1] {
			return words, true
		}
	}
	return nil, false
}
