package ipvsadm

import (
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/snatctl/snatctl/translate"
)

// leave reports a part of the script.
func (x *shell) leave(n syntax.Node, code, why string) {
	from, to := int(n.Pos().Offset()), int(n.End().Offset())
	text, _, more := strings.Cut(x.text[from:min(to, len(x.text))], "\n")
	if more {
		text += " …"
	}
	x.ledger.ReportAs(code, strings.TrimSpace(text), why, append(x.words(from, to), x.documents(n)...)...)
	if more && code == "M101" {
		x.within(n)
	}
}

// documents returns the words of the here-documents in a part of the script, which stand behind it.
func (x *shell) documents(n syntax.Node) (words []translate.Word) {
	syntax.Walk(n, func(c syntax.Node) bool {
		if r, ok := c.(*syntax.Redirect); ok && r.Hdoc != nil {
			words = append(words, x.words(int(r.Hdoc.Pos().Offset()), int(r.Hdoc.End().Offset()))...)
			if end := x.terminator(r); end != nil {
				words = append(words, *end)
			}
		}
		return true
	})
	return words
}

// terminator returns the word that ends a here-document; nil where it ends with the file.
func (x *shell) terminator(r *syntax.Redirect) *translate.Word {
	end := strings.Trim(x.text[r.Word.Pos().Offset():r.Word.End().Offset()], `"'\`)
	if words := x.words(int(r.Hdoc.End().Offset()), len(x.text)); len(words) > 0 && x.ledger.Text(words[0]) == end {
		return &words[0]
	}
	return nil
}

// within reports each call of ipvsadm in a part of the script that is left out.
func (x *shell) within(n syntax.Node) {
	syntax.Walk(n, func(c syntax.Node) bool {
		call, ok := c.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		text := x.text[call.Pos().Offset():min(int(call.End().Offset()), len(x.text))]
		if call.Pos().Line() > n.Pos().Line() && strings.Contains(text, "ipvsadm") {
			at := translate.Place{File: x.name, Line: int(call.Pos().Line())}
			x.ledger.Note(at, "M101", strings.Join(strings.Fields(text), " "), fmt.Sprintf("it is left out with what begins at line %d", n.Pos().Line()))
		}
		return true
	})
}

// punctuation accounts for what holds a script together: of what it joins, each part is accounted
// for by itself.
func (x *shell) punctuation() {
	joins := []string{";", ";;", "&&", "||", "{", "}", "do", "done", "done;", "esac", "(", ")", "&", "|", `\`, "then", "fi"}
	for _, t := range x.tokens {
		if slices.Contains(joins, x.text[t.from:t.to]) && x.ledger.Fate(t.word) == 0 {
			x.ledger.Whole(t.word)
		}
	}
}
