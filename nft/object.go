package nft

import (
	"bufio"
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Object is a named object of a table: settings, and what they have counted or let through, that
// rules use by name and maps hand out by key. Rules that use one object share its state.
//
// The set of implementations is closed: a kind is a file object_NAME.go here and another in
// package wire, and a row in objectKinds and in wire's objectCodecs. All are comparable: two
// objects are the same if they are equal as bare values.
type Object interface {
	Ref() Ref           // kind and name
	Remark() string     // the comment, which leads back to the policy; "" for none
	settings() []string // the lines of its block, as nft writes them, less the comment
	Bare() Object       // without what it has counted, as it is compared
}

// Ref names an object: those of different kinds may have one name.
type Ref struct {
	Kind ObjectKind
	Name string
}

// ObjectKind is a kind of named objects. The values are the kernel's
// (include/uapi/linux/netfilter/nf_tables.h, NFT_OBJECT_*).
type ObjectKind uint8

// The kinds that snatctl may make.
const (
	KindCounter   ObjectKind = 1
	KindCtHelper  ObjectKind = 3
	KindLimit     ObjectKind = 4
	KindCtTimeout ObjectKind = 7
	KindSynProxy  ObjectKind = 10
)

// objectWords are how nft writes a kind.
type objectWords struct {
	block string // begins its declaration
	use   string // begins the statement that uses one
	maps  bool   // whether nft 1.0.6 can write a map of them, by the word of its declaration
}

// objectKinds is all kinds.
var objectKinds = map[ObjectKind]objectWords{
	KindCounter:   counterWords,
	KindCtHelper:  ctHelperWords,
	KindLimit:     limitWords,
	KindCtTimeout: ctTimeoutWords,
	KindSynProxy:  synProxyWords,
}

// ObjectKinds returns all kinds, in order.
func ObjectKinds() []ObjectKind {
	kinds := make([]ObjectKind, 0, len(objectKinds))
	for k := range objectKinds {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}

// String returns the kind's name, as nft begins a declaration.
func (k ObjectKind) String() string {
	return cmp.Or(objectKinds[k].block, "object "+strconv.Itoa(int(k)))
}

// HasMaps tells whether maps may hand out objects of the kind: nft must be able to write them.
func (k ObjectKind) HasMaps() bool { return objectKinds[k].maps }

// String returns the kind and name, as nft begins a declaration.
func (r Ref) String() string { return r.Kind.String() + " " + r.Name }

// Object returns the object of that kind and name, or nil.
func (r *Ruleset) Object(ref Ref) Object {
	if r == nil {
		return nil
	}
	for _, o := range r.Objects {
		if o.Ref() == ref {
			return o
		}
	}
	return nil
}

// lines returns the lines of an object's block.
func lines(o Object) []string {
	if c := o.Remark(); c != "" {
		return append([]string{"comment " + strconv.Quote(c)}, o.settings()...)
	}
	return o.settings()
}

func writeObject(w *bufio.Writer, o Object) {
	fmt.Fprintf(w, "\t%s {\n", o.Ref())
	for _, line := range lines(o) {
		fmt.Fprintf(w, "\t\t%s\n", line)
	}
	w.WriteString("\t}\n")
}

// ObjectString prints an object on one line.
func ObjectString(o Object) string {
	text := o.Ref().String() + " {"
	for i, line := range lines(o) {
		if i > 0 {
			text += ";"
		}
		text += " " + line
	}
	return text + " }"
}

// sameObject tells whether two objects are equal but for what they have counted.
func sameObject(a, b Object) bool { return a.Bare() == b.Bare() }

// objects compares the objects. The kernel changes none in place: one that differs is deleted
// and made anew, and what uses it is, too. It returns the names of those.
func (d *differ) objects(live, want []Object) map[Ref]bool {
	old := make(map[Ref]Object, len(live))
	for _, o := range live {
		old[o.Ref()] = o
	}
	anew := make(map[Ref]bool)
	for _, w := range want {
		l := old[w.Ref()]
		delete(old, w.Ref())
		if l != nil && sameObject(l, w) {
			continue
		}
		if l != nil {
			anew[w.Ref()] = true
			d.delObjects = append(d.delObjects, Op{Mark: Delete, Object: l})
		}
		d.addObjects = append(d.addObjects, Op{Mark: Add, Object: w})
	}
	for _, l := range live {
		if old[l.Ref()] != nil {
			d.delObjects = append(d.delObjects, Op{Mark: Delete, Object: l})
		}
	}
	return anew
}
