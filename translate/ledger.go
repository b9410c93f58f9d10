package translate

import (
	"cmp"
	"slices"
	"strings"
)

// Ledger accounts for every word of a configuration: each is carried over, or reported. The zero
// value has none.
type Ledger struct {
	words []entry
	gaps  []Gap
	heads map[Word]Fate // constructs, by their first words
	said  map[Gap]bool
}

// Word is a word of a configuration, as a number that its Ledger knows it by.
type Word int

// entry is a word with what became of it.
type entry struct {
	place Place
	text  string
	fate  Fate
}

// Enter adds a word of the configuration.
func (l *Ledger) Enter(at Place, text string) Word {
	l.words = append(l.words, entry{place: at, text: text})
	return Word(len(l.words) - 1)
}

// Text returns words as they are written, with blanks between them.
func (l *Ledger) Text(words ...Word) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = l.words[w].text
	}
	return strings.Join(texts, " ")
}

// Place returns where a word stands.
func (l *Ledger) Place(w Word) Place { return l.words[w].place }

// Whole enters that the policy says what these words said. They are one construct.
func (l *Ledger) Whole(words ...Word) { l.become(Whole, words) }

// Report enters that the construct that these words are is not carried over whole. The code is
// one of Constructs, which says what becomes of it; more, unless it is empty, says it of this
// one, and stands in its place.
func (l *Ledger) Report(code, more string, words ...Word) {
	l.ReportAs(code, l.Text(words...), more, words...)
}

// ReportAs is Report for a construct that is written otherwise than its words, such as one that
// a loop repeats.
func (l *Ledger) ReportAs(code, construct, more string, words ...Word) {
	var at Place
	if len(words) > 0 {
		at = l.Place(words[0])
	}
	l.become(fateOf(code), words)
	l.Note(at, code, construct, more)
}

// Note reports what no word of its own stands for, at a place.
func (l *Ledger) Note(at Place, code, construct, more string) {
	c := find(code)
	g := Gap{Place: at, Construct: construct, Became: cmp.Or(more, c.Becomes), Lost: c.Loses, Severity: c.Severity(), Code: code, Fate: c.Fate}
	if l.said[g] {
		return
	}
	if l.said == nil {
		l.said = make(map[Gap]bool)
	}
	l.said[g] = true
	l.gaps = append(l.gaps, g)
}

// become enters the fate of words. What is lost stays lost, whatever else is said of it.
func (l *Ledger) become(fate Fate, words []Word) {
	for _, w := range words {
		l.words[w].fate = max(l.words[w].fate, fate)
	}
	if len(words) > 0 {
		if l.heads == nil {
			l.heads = make(map[Word]Fate)
		}
		l.heads[words[0]] = max(l.heads[words[0]], fate)
	}
}

// Close reports all words that nobody accounted for, a line at a time, and returns the report.
func (l *Ledger) Close() Report {
	for i := 0; i < len(l.words); {
		first := l.words[i]
		var left []Word
		for ; i < len(l.words) && l.words[i].place == first.place; i++ {
			if l.words[i].fate == 0 {
				left = append(left, Word(i))
			}
		}
		if len(left) > 0 {
			l.Report(Unknown, "", left...)
		}
	}
	slices.SortStableFunc(l.gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	r := Report{Gaps: l.gaps}
	for _, fate := range l.heads {
		if fate == Whole {
			r.Count[Whole]++
		}
	}
	for _, g := range l.gaps {
		if g.Fate > Whole {
			r.Count[g.Fate]++
		}
	}
	return r
}

// Fate returns what became of a word; 0 where nobody has accounted for it.
func (l *Ledger) Fate(w Word) Fate { return l.words[w].fate }
