// Package translate brings configurations of IPVS over to the policy language: what its readers
// share. A reader (package translate/ipvsadm, translate/keepalived) turns an old configuration
// into a Setup, and accounts for every word of it in a Ledger; Setup.Write makes a policy of it
// that lints without errors.
//
// The package is pure. Its table of constructs (Constructs) says what becomes of each thing that
// an old configuration can say; docs/migrate.md shows it.
package translate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Place is a line of an old configuration. The zero value is no place.
type Place struct {
	File string
	Line int // from 1; 0: the file as a whole
}

// String returns "file:line", or "file" for a whole file.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Problem is why a configuration cannot be read.
type Problem struct {
	Place
	Msg  string // what is wrong, one line, no full stop
	Hint string // the way out; may be empty
}

// Unreadable is an error: all problems of a configuration. Nothing of it is translated.
type Unreadable []Problem

// Error returns one line a problem, with its place.
func (u Unreadable) Error() string {
	lines := make([]string, len(u))
	for i, p := range u {
		lines[i] = fmt.Sprintf("%s: error: %s", p.Place, p.Msg)
		if p.Hint != "" {
			lines[i] += "\n    hint: " + p.Hint
		}
	}
	return strings.Join(lines, "\n")
}

// Problems returns the problems that an error is about, nil if it is of another kind.
func Problems(err error) []Problem {
	var u Unreadable
	if !errors.As(err, &u) {
		return nil
	}
	return u
}

// Result is a configuration brought over.
type Result struct {
	Policy []byte // in canonical form; lints without errors
	Rest   []byte // of a keepalived.conf: what keepalived keeps; empty: nothing
	Report Report
}

// Dialect is a family of programs that write the same words for the same things.
type Dialect string

// The dialects.
const (
	IPVS      Dialect = "ipvs"        // ipvsadm 1.26 to 1.31, and plain kernels patched for SNAT by 0.0.0.0:0
	AlibabaV2 Dialect = "alibaba-v2"  // alibaba/LVS v2
	AlibabaV3 Dialect = "alibaba-v3"  // alibaba/LVS v3
	DSNAT     Dialect = "dsnat"       // dsnat: zones with laddrs
	LVSSNAT   Dialect = "lvs-snat"    // lvs-snat v1: dsnat with laddrs of services, too
	LVSSNATv2 Dialect = "lvs-snat-v2" // lvs-snat v2: snat rules
	DPVS      Dialect = "dpvs"        // iqiyi/dpvs
)

// Dialects returns all dialects, in the order of the documents.
func Dialects() []Dialect {
	return []Dialect{IPVS, AlibabaV2, AlibabaV3, DSNAT, LVSSNAT, LVSSNATv2, DPVS}
}

// ParseDialect returns the dialect of that name. The empty name is none: it is to be found out.
func ParseDialect(name string) (Dialect, error) {
	if name == "" || slices.Contains(Dialects(), Dialect(name)) {
		return Dialect(name), nil
	}
	var names []string
	for _, d := range Dialects() {
		names = append(names, string(d))
	}
	return "", fmt.Errorf("unknown dialect %q: use one of %s", name, strings.Join(names, ", "))
}
