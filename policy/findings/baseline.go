package findings

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/snatctl/snatctl/policy"
)

// Baseline is findings that stood there before, and so do not count. It knows them by file,
// code, object and message, not by line. The zero value accepts nothing. Errors are never
// accepted: apply refuses the policy for them.
type Baseline struct{ counts map[key]int }

// baselineFile is a Baseline as JSON.
type baselineFile struct {
	Version  int             `json:"version"`
	Findings []baselineEntry `json:"findings"`
}

type baselineEntry struct {
	key
	Count int `json:"count"`
}

// baselineVersion is the version of the format.
const baselineVersion = 1

// Baseline returns what a report would need accepted: its open warnings and infos.
func (r *Report) Baseline() Baseline {
	b := Baseline{map[key]int{}}
	keyer := newKeyer(r.Sources)
	for _, f := range r.Open() {
		if f.Severity != policy.Error {
			b.counts[keyer.of(f.Diagnostic)]++
		}
	}
	return b
}

// ParseBaseline reads what WriteTo wrote.
func ParseBaseline(data []byte) (Baseline, error) {
	var file baselineFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return Baseline{}, fmt.Errorf("not a baseline: %w; write one with --write-baseline", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Baseline{}, errors.New("not a baseline: something follows the JSON object")
	}
	if file.Version != baselineVersion {
		return Baseline{}, fmt.Errorf("the baseline has version %d, this snatctl knows %d; write it anew with --write-baseline", file.Version, baselineVersion)
	}
	b := Baseline{map[key]int{}}
	for _, e := range file.Findings {
		if e.Count < 1 {
			return Baseline{}, fmt.Errorf("the baseline's entry %s of %s has the count %d", e.Code, e.File, e.Count)
		}
		b.counts[e.key] += e.Count
	}
	return b, nil
}

// Len returns the number of findings that the baseline accepts.
func (b Baseline) Len() (n int) {
	for _, c := range b.counts {
		n += c
	}
	return n
}

// WriteTo writes the baseline as indented JSON, sorted, so that version control shows what
// became of it.
func (b Baseline) WriteTo(w io.Writer) (int64, error) {
	file := baselineFile{baselineVersion, []baselineEntry{}}
	for _, k := range b.keys() {
		file.Findings = append(file.Findings, baselineEntry{k, b.counts[k]})
	}
	var text bytes.Buffer
	if err := encode(&text, file, "  "); err != nil {
		return 0, err
	}
	return text.WriteTo(w)
}

func (b Baseline) keys() []key {
	return slices.SortedFunc(maps.Keys(b.counts), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Message, b.Message))
	})
}

// Accept marks the findings that the baseline knows, as often as it knows them, and returns
// a line for each of its entries that matched less than it says: fixed since then, or changed.
func (r *Report) Accept(b Baseline) (gone []string) {
	left := maps.Clone(b.counts)
	keyer := newKeyer(r.Sources)
	for i := range r.Findings {
		f := &r.Findings[i]
		if k := keyer.of(f.Diagnostic); f.Severity != policy.Error && f.Suppression.Kind == "" && left[k] > 0 {
			left[k]--
			f.Suppression.Kind = External
		}
	}
	for _, k := range b.keys() {
		if n := left[k]; n > 0 {
			gone = append(gone, fmt.Sprintf("%s: %s [%s] is no longer found (%d of %d)", k.File, k.Message, k.Code, n, b.counts[k]))
		}
	}
	return gone
}
