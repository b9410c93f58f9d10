package read

import "slices"

// distinct finds values that come twice. Lists are short as a rule, so a map is made
// only for long ones.
type distinct[T comparable] struct {
	few  [8]T
	n    int // of few
	many map[T]bool
}

// add tells whether v is new.
func (d *distinct[T]) add(v T) bool {
	if d.has(v) {
		return false
	}
	switch {
	case d.many != nil:
		d.many[v] = true
	case d.n < len(d.few):
		d.few[d.n] = v
		d.n++
	default:
		d.many = map[T]bool{v: true}
		for _, f := range d.few {
			d.many[f] = true
		}
	}
	return true
}

func (d *distinct[T]) has(v T) bool {
	if d.many != nil {
		return d.many[v]
	}
	return slices.Contains(d.few[:d.n], v)
}
