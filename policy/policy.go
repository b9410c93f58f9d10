// Package policy is what operators write, as values: the model with its defaults, the checks
// that a whole policy must pass, and what a policy means for a packet (Decide).
//
// The package is pure. Package policy/read makes a Policy of YAML, and policy/words knows the
// keys of the language.
package policy

import "fmt"

// Policy is a whole policy: all files joined, defaults filled in, names resolved.
type Policy struct {
	Start        Pos // where the first file's text begins
	Version      int
	Gateway      Gateway
	Nodes        []Node // that share the policy, in the order written; none: it is for one machine
	Fleet        Fleet
	Announce     Announce
	Laddrs       []Pool        // pools by name, in the order written
	Zones        []Zone        // the first that matches decides
	HealthChecks []HealthCheck // health_checks by name, in the order written
	Services     []Service
	Tests        []Test

	written *Policy // of one with a State: without it
	state   State   // that made this of it
	node    string  // that At chose; empty: none
	told    map[string]NodeState
}

// Pos is a place in a policy file. Line and Col start at 1; Col counts characters.
// The zero value is no place.
type Pos struct {
	File      string
	Line, Col int
}

// String returns "file:line:col", or the file alone where there is no line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Where tells where in a file an object is written, and each of its keys.
type Where struct {
	Pos   Pos      // of the object: its name where it has one, else its first character
	Keys  []KeyPos // of the keys' values, in the order written
	Items []KeyPos // of the items of those that are lists of scalars, in the order written
}

// KeyPos is the place of one key's value.
type KeyPos struct {
	Key string
	Pos Pos
}

// At returns the place of a key's value, and the object's own where the key was not written.
func (w Where) At(key string) Pos {
	for _, k := range w.Keys {
		if k.Key == key {
			return k.Pos
		}
	}
	return w.Pos
}

// Item returns the place of the i-th item of a key's list, counted from 0. One value that
// stands for a list of it stands where the key's value does.
func (w Where) Item(key string, i int) Pos {
	for _, item := range w.Items {
		if item.Key != key {
			continue
		}
		if i == 0 {
			return item.Pos
		}
		i--
	}
	return w.At(key)
}

// Has tells whether the key was written.
func (w Where) Has(key string) bool {
	for _, k := range w.Keys {
		if k.Key == key {
			return true
		}
	}
	return false
}
