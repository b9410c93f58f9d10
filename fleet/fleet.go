// Package fleet is what many gateways share, as values: a policy cut into chunks, the pointer that names
// them, the history, what nodes report, and what a canary has shown. It reads no clock, network or disk;
// package fleet/store keeps these values in etcd.
//
// Nothing that comes from a store is trusted more than a file is: sizes are bounded before anything is
// made room for, sums are checked, and names are escaped in keys.
package fleet

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of names, in bytes: of a node as DNS has them (RFC 1035, 2.3.4), of a file as Linux has them for a path.
const (
	mostNode   = 253
	mostFile   = 1024
	mostPrefix = 512
)

// CheckNode refuses what cannot be the name of a node.
func CheckNode(name string) error {
	if err := checkName(name, mostNode); err != nil {
		return fmt.Errorf("%q cannot be the name of a node: %w", name, err)
	}
	return nil
}

func checkName(name string, most int) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("it is empty")
	case len(name) > most:
		return fmt.Errorf("it has %d bytes, and %d are the most", len(name), most)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("it has characters that cannot be printed")
	}
	return nil
}

// Keys are where the things of one fleet stand: below a prefix. The zero value is none.
type Keys struct{ prefix string }

// KeysBelow returns the keys below a prefix. Slashes at its end mean nothing.
func KeysBelow(prefix string) (Keys, error) {
	short := strings.TrimRight(prefix, "/")
	if err := checkName(short, mostPrefix); err != nil {
		return Keys{}, fmt.Errorf("%q cannot be the prefix of keys: %w", prefix, err)
	}
	return Keys{short}, nil
}

// Prefix returns it, without a slash at its end.
func (k Keys) Prefix() string { return k.prefix }

// Policy is the key of the pointer that all nodes follow who have no target of their own.
func (k Keys) Policy() string { return k.prefix + "/policy" }

// Target is the key of a node's own pointer: it overrides that of all.
func (k Keys) Target(node string) string { return k.Targets() + url.PathEscape(node) }

// Targets begins the keys of all nodes' own pointers.
func (k Keys) Targets() string { return k.prefix + "/target/" }

// Chunk is the key of a chunk.
func (k Keys) Chunk(sum string) string { return k.Chunks() + sum }

// Chunks begins the keys of all chunks.
func (k Keys) Chunks() string { return k.prefix + "/chunk/" }

// Past is the key of a policy in the history. Sorted as text, they are in the order of their numbers.
func (k Keys) Past(number int64) string { return fmt.Sprintf("%s%012d", k.History(), number) }

// History begins the keys of the history.
func (k Keys) History() string { return k.prefix + "/history/" }

// Node is the key of what a node reports.
func (k Keys) Node(name string) string { return k.Nodes() + url.PathEscape(name) }

// Nodes begins the keys of what nodes report.
func (k Keys) Nodes() string { return k.prefix + "/node/" }

// Drain is the key that takes the VIPs from a node.
func (k Keys) Drain(node string) string { return k.Drains() + url.PathEscape(node) }

// Drains begins the keys that take VIPs from nodes.
func (k Keys) Drains() string { return k.prefix + "/drain/" }

// Chance is the key by which the others send a node what they do not know.
func (k Keys) Chance(node string) string { return k.Chances() + url.PathEscape(node) }

// Chances begins the keys by which the others do that.
func (k Keys) Chances() string { return k.prefix + "/chance/" }

// Named returns the node that a key is about, which begins like others of its kind.
func Named(key, begins string) (string, error) {
	text, ok := strings.CutPrefix(key, begins)
	name, err := url.PathUnescape(text)
	if !ok || err != nil || CheckNode(name) != nil {
		return "", fmt.Errorf("%q names no node", key)
	}
	return name, nil
}
