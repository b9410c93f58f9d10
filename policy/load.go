package policy

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Source is one policy file in memory.
type Source struct {
	Name string // as diagnostics show it
	Data []byte
}

// Load reads the policy that paths name: files, directories (their *.yaml and *.yml,
// sorted by name, without subdirectories) or "-" for stdin, which diagnostics call
// "<stdin>". Lists of several files are joined in the order given.
//
// All errors of all files come back in one run. The policy is nil if and only if one
// of the diagnostics is an error; warnings travel beside it.
func Load(paths []string, stdin io.Reader) (*Policy, Diagnostics) {
	l := newLoader()
	l.load(paths, stdin)
	return l.finish()
}

// LoadSources is Load for those who show the text that diagnostics speak of, or read its
// comments: it also returns what the files hold, in the order of reading.
func LoadSources(paths []string, stdin io.Reader) (*Policy, []Source, Diagnostics) {
	p, sources, ds := LoadDraft(paths, stdin)
	if ds.Err() != nil {
		p = nil
	}
	return p, sources, ds
}

// LoadDraft is LoadSources for those who look for more than errors. It returns the policy
// also where rules about whole objects refuse it (a zone that never matches, a laddr that is
// a VIP), and nil only if something could not be read or a name leads nowhere.
func LoadDraft(paths []string, stdin io.Reader) (*Policy, []Source, Diagnostics) {
	l := newLoader()
	l.keep = true
	l.load(paths, stdin)
	p, ds := l.finish()
	if l.whole {
		p = &l.policy
	}
	return p, l.sources, ds
}

// load reads all that paths name.
func (l *loader) load(paths []string, stdin io.Reader) {
	for _, path := range paths {
		if path == "-" {
			l.read("<stdin>", stdin, 0)
			continue
		}
		files, err := Files(path)
		if err != nil {
			l.unreadable(path, err)
		}
		for _, file := range files {
			l.readFile(file, file == path)
		}
	}
}

// Parse reads the policy that the sources hold. It is Load without files.
func Parse(srcs []Source) (*Policy, Diagnostics) {
	l := newLoader()
	for _, src := range srcs {
		l.add(src)
	}
	return l.finish()
}

// loader collects files, one after the other, and makes one policy of them.
type loader struct {
	policy   Policy
	diags    Diagnostics
	untold   int // findings beyond maxDiagnostics
	files    int
	size     int  // bytes read so far
	items    int  // lines and commas so far
	keep     bool // sources hold what was read; else its memory is let go
	sources  []Source
	whole    bool   // nothing was wrong before whole objects were checked
	pools    []bool // whether the pool of that index had errors of its own
	zones    []state
	services []state

	families  map[*Pool]familySet
	suggested int // unknown names that were held against all others

	// incomplete: some file could not be read to its end, so a name that is not known
	// may well stand there.
	incomplete bool
}

// state is what the loader keeps about a zone or service until the policy is whole.
type state struct {
	pool   string // name of its pool; empty: none, or written in line
	broken bool   // it had errors already: checks that need all of it would mislead
}

func newLoader() *loader {
	return &loader{policy: Policy{Version: 1, Gateway: DefaultGateway()}, families: map[*Pool]familySet{}}
}

func (l *loader) report(d Diagnostic) {
	switch {
	case len(l.diags) < maxDiagnostics:
		l.diags = append(l.diags, d)
	case d.Severity == Error:
		l.untold++
	}
}

// add reads one file.
func (l *loader) add(src Source) {
	l.files++
	if l.keep {
		l.sources = append(l.sources, src)
	}
	l.size += len(src.Data)
	l.items += bytes.Count(src.Data, []byte{'\n'}) + bytes.Count(src.Data, []byte{','})
	if l.items > maxItems {
		l.unreadable(src.Name, fmt.Errorf("a policy may hold %d lines and commas in all, and here that is exceeded; is it a policy?", maxItems))
		return
	}
	root, diag := Document(src)
	if diag != nil {
		l.incomplete = true
		l.report(*diag)
		return
	}
	w := &walker{loader: l, file: src.Name, expand: maxExpansion}
	if l.policy.Start.Line == 0 {
		l.policy.Start = w.pos(root)
	}
	w.root(root)
}

// finish joins what was read: names are resolved, rules checked.
func (l *loader) finish() (*Policy, Diagnostics) {
	if l.files == 0 && len(l.diags) == 0 {
		l.report(Diagnostic{Severity: Error, Code: "F01", Msg: "no policy file was given"})
	}
	l.join()
	l.whole = l.diags.Err() == nil
	l.check()
	l.diags.Sort()
	l.diags = slices.CompactFunc(l.diags, func(a, b Diagnostic) bool { return a == b })
	if l.untold > 0 {
		l.diags = append(l.diags, Diagnostic{
			Pos: Pos{File: l.diags[len(l.diags)-1].Pos.File}, Severity: Error, Code: "N03",
			Msg: fmt.Sprintf("and %d more errors", l.untold), Hint: "correct these first",
		})
	}
	if l.diags.Err() != nil {
		return nil, l.diags
	}
	return &l.policy, l.diags
}

// quoteList writes words as operators read them: "a, b or c".
func quoteList[T ~string](words []T) string {
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
