package host

import (
	"bytes"
	"encoding/binary"

	"github.com/snatctl/snatctl/nft/nftlink"
)

// shape is how struct ipt_entry or ip6t_entry is laid out, in bytes.
type shape struct {
	address int // struct ipt_ip: what the rule asks of the packet's head
	flags   int // where its flags are
	target  int // where the offsets of the target and of the next rule are
	size    int
}

var (
	shape4 = shape{address: 84, flags: 82, target: 88, size: 112}
	shape6 = shape{address: 136, flags: 131, target: 140, size: 168}
)

// legacyFate is what becomes of new connections at the end of a chain, and how many rules before
// may have let some pass.
type legacyFate struct {
	end    legacyEnd
	passes int
}

type legacyEnd int

const (
	goesOn legacyEnd = iota
	accepts
	drops
	unclear // another program decides, or the rules make no sense
)

// deepest is how far jumps go, more than any program makes.
const deepest = 64

// fate tells whether a base chain drops new connections, by policy or by a rule that looks at
// nothing, and how many rules before may let some pass.
func (t *legacyTable) fate(at int) (drop bool, passes int) {
	f := t.follow(at, 0)
	if f.end != drops {
		return false, 0
	}
	return true, f.passes
}

// follow walks a chain from a place in the table to its end: its policy, or for a chain of the
// operator's the return that iptables puts there.
func (t *legacyTable) follow(at, depth int) legacyFate {
	if f, ok := t.known[at]; ok {
		return f
	}
	var f legacyFate
	from := at
	for f.end = unclear; depth <= deepest; {
		r, ok := t.rule(at)
		if !ok {
			break
		}
		at = r.next
		if r.old {
			continue
		}
		end, passes := r.end, 0
		if r.jump > 0 {
			below := t.follow(r.jump, depth+1)
			end, passes = below.end, below.passes
			if r.goes && end == goesOn {
				end = unclear // it ends where the chain that jumped here goes on
			}
		}
		f.passes += passes
		switch {
		case r.looks && (end == accepts || end == unclear):
			f.passes++
		case !r.looks && (end != goesOn || r.returns):
			f.end = end
			t.known[from] = f
			return f
		}
	}
	t.known[from] = f
	return f
}

// legacyRule is a rule as far as its fate goes.
type legacyRule struct {
	next    int
	looks   bool // it has a condition
	old     bool // and that holds for no new connection
	end     legacyEnd
	returns bool // end is goesOn: to the chain before
	jump    int  // to the chain that begins there; 0: no jump
	goes    bool // without coming back
}

// rule reads the rule at a place; false: there is none.
func (t *legacyTable) rule(at int) (r legacyRule, ok bool) {
	const standard, goTo = 32, 2 // size of struct xt_entry_target without data; IPT_F_GOTO
	if at < 0 || at+t.shape.size > len(t.rules) {
		return r, false
	}
	b := t.rules[at:]
	target, next := int(binary.NativeEndian.Uint16(b[t.shape.target:])), int(binary.NativeEndian.Uint16(b[t.shape.target+2:]))
	if target < t.shape.size || next < target+standard || next > len(b) {
		return r, false
	}
	head := bytes.Clone(b[:t.shape.address])
	r.goes = head[t.shape.flags]&goTo != 0
	head[t.shape.flags] &^= goTo
	r.next = at + next
	r.looks = len(bytes.Trim(head, "\x00")) > 0 || target > t.shape.size
	r.old = onlyOld(b[t.shape.size:target])
	r.targets(at, b[target:next])
	return r, true
}

// targets reads struct xt_entry_target: its size, its name and revision, its data.
func (r *legacyRule) targets(at int, b []byte) {
	const data = 32
	switch name := cString(b[2:31]); name {
	case "REJECT":
		r.end = drops
	case "NFQUEUE", "SYNPROXY":
		r.end = unclear
	case "": // a verdict, or the place of a chain (struct xt_standard_target)
		if len(b) < data+4 {
			r.end = unclear
			return
		}
		switch v := int32(binary.NativeEndian.Uint32(b[data:])); {
		case v >= 0:
			if int(v) != r.next { // without a target it goes on to the next rule
				r.jump = int(v)
			}
		case v == -1: // -NF_DROP - 1
			r.end = drops
		case v == -2: // -NF_ACCEPT - 1
			r.end = accepts
		case v == -5: // XT_RETURN
			r.returns = true
		default:
			r.end = unclear
		}
	}
}

// onlyOld tells whether a rule's matches, struct xt_entry_match one behind the other, leave new
// connections out.
func onlyOld(b []byte) bool {
	const head = 32
	for len(b) >= head {
		size := int(binary.NativeEndian.Uint16(b))
		if size < head || size > len(b) {
			return false
		}
		if nftlink.NoNew(cString(b[2:31]), b[31], b[head:size]) {
			return true
		}
		b = b[size:]
	}
	return false
}

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
