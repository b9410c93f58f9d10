// Package read makes a policy of YAML, with every error of every file in one run, each with
// its place. It reads the files that it is given, and is pure apart from that.
package read

import (
	"bytes"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
)

// Load reads the policy that paths name: files, directories (their *.yaml and *.yml,
// sorted by name, without subdirectories) or "-" for stdin, which diagnostics call
// "<stdin>". Lists of several files are joined in the order given.
//
// All errors of all files come back in one run. The policy is nil if and only if one
// of the diagnostics is an error; warnings travel beside it.
func Load(paths []string, stdin io.Reader) (*policy.Policy, policy.Diagnostics) {
	l := newLoader()
	l.load(paths, stdin)
	return l.finish()
}

// LoadSources is Load for those who show the text that diagnostics speak of, or read its
// comments: it also returns what the files hold, in the order of reading.
func LoadSources(paths []string, stdin io.Reader) (*policy.Policy, []policy.Source, policy.Diagnostics) {
	p, sources, ds := LoadDraft(paths, stdin)
	if ds.Err() != nil {
		p = nil
	}
	return p, sources, ds
}

// LoadDraft is LoadSources for those who look for more than errors. It returns the policy
// also where rules about whole objects refuse it (a zone that never matches, a laddr that is
// a VIP), and nil only if something could not be read or a name leads nowhere.
func LoadDraft(paths []string, stdin io.Reader) (*policy.Policy, []policy.Source, policy.Diagnostics) {
	l := newLoader()
	l.retain = true
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
func Parse(srcs []policy.Source) (*policy.Policy, policy.Diagnostics) {
	l := newLoader()
	for _, src := range srcs {
		l.add(src)
	}
	return l.finish()
}

// ParseDraft is LoadDraft without files.
func ParseDraft(srcs []policy.Source) (*policy.Policy, policy.Diagnostics) {
	l := newLoader()
	for _, src := range srcs {
		l.add(src)
	}
	p, ds := l.finish()
	if l.whole {
		p = &l.policy
	}
	return p, ds
}

// loader collects files, one after the other, and makes one policy of them.
type loader struct {
	policy    policy.Policy
	report    policy.Report
	files     int
	size      int  // bytes read so far
	items     int  // lines and commas so far
	retain    bool // sources hold what was read; else its memory is let go
	slow      bool // all is read by yaml.v3
	sources   []policy.Source
	whole     bool                               // nothing was wrong before whole objects were checked
	partial   policy.Partial                     // objects that had errors already: checks that need all of them would mislead
	named     struct{ zones, services []string } // the pool that each of them names; empty: none, or written in line
	perUplink map[int][]string                   // the pools that zones name per uplink, by the zone's index
	checked   map[int]string                     // the health checks that services name, by their index

	suggested int // unknown names that were held against all others

	// incomplete: some file could not be read to its end, so a name that is not known
	// may well stand there.
	incomplete bool
}

func newLoader() *loader {
	return &loader{policy: policy.Policy{Version: 1, Gateway: policy.DefaultGateway(), Fleet: policy.DefaultFleet()}}
}

// add reads one file.
func (l *loader) add(src policy.Source) {
	l.files++
	if l.retain {
		l.sources = append(l.sources, src)
	}
	l.size += len(src.Data)
	l.items += bytes.Count(src.Data, []byte{'\n'}) + bytes.Count(src.Data, []byte{','})
	if l.items > maxItems {
		l.unreadable(src.Name, fmt.Errorf("the files of a policy may have %d lines and commas together, and this one exceeds that; is it a policy?", maxItems))
		return
	}
	w := &walker{loader: l, file: src.Name, expand: maxExpansion}
	root, diag := w.document(src)
	if diag != nil {
		l.incomplete = true
		l.report.Add(*diag)
		return
	}
	if l.policy.Start.Line == 0 {
		l.policy.Start = w.pos(root)
	}
	w.root(root)
}

// document returns the tree of a file, or tells why there is none.
func (w *walker) document(src policy.Source) (*yaml.Node, *policy.Diagnostic) {
	if q, ok := scanQuick(withoutMark(src.Data)); ok && !w.slow {
		w.quick = q
		return q.root(), nil
	}
	return Document(src)
}

// finish joins what was read: names are resolved, rules checked.
func (l *loader) finish() (*policy.Policy, policy.Diagnostics) {
	if l.files == 0 && l.report.Err() == nil {
		l.report.Add(policy.Diagnostic{Severity: policy.Error, Code: "F01", Msg: "no policy file was given"})
	}
	l.join()
	l.whole = l.report.Err() == nil
	l.policy.Check(&l.report, l.partial)
	ds := l.report.Diagnostics()
	if ds.Err() != nil {
		return nil, ds
	}
	return &l.policy, ds
}
