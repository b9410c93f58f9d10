package host

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// rule writes an entry of a legacy table that looks at nothing, or at an interface.
func rule(s shape, looks bool, verdict int32) []byte {
	b := make([]byte, s.size+40)
	if looks {
		b[s.address/2] = 'x'
	}
	binary.NativeEndian.PutUint16(b[s.target:], uint16(s.size))
	binary.NativeEndian.PutUint16(b[s.target+2:], uint16(len(b)))
	binary.NativeEndian.PutUint16(b[s.size:], 40)
	binary.NativeEndian.PutUint32(b[s.size+32:], uint32(verdict))
	return b
}

// TestLegacyFate follows tables of both programs: a chain at 0, and behind it one of the operator's.
func TestLegacyFate(t *testing.T) {
	const drop, accept, back = -1, -2, -5
	for name, s := range map[string]shape{"ip": shape4, "ip6": shape6} {
		size := int32(s.size + 40)
		type entry struct {
			looks   bool
			verdict int32
		}
		for _, c := range []struct {
			what   string
			rules  []entry
			drops  bool
			passes int
		}{
			{"policy drop", []entry{{false, drop}}, true, 0},
			{"policy accept", []entry{{false, accept}}, false, 0},
			{"one may pass", []entry{{true, accept}, {false, drop}}, true, 1},
			{"all pass before", []entry{{false, accept}, {false, drop}}, false, 0},
			{"a rule without a target", []entry{{false, size}, {false, drop}}, true, 0},
			{"some are dropped", []entry{{true, drop}, {false, accept}}, false, 0},
			{"a chain that returns", []entry{{false, 2 * size}, {false, drop}, {false, back}}, true, 0},
			{"a chain that some may pass", []entry{{false, 2 * size}, {false, drop}, {true, accept}, {false, back}}, true, 1},
			{"a chain that lets pass, for some", []entry{{true, 2 * size}, {false, drop}, {false, accept}}, true, 1},
			{"a chain that drops, for some", []entry{{true, 2 * size}, {false, accept}, {false, drop}}, false, 0},
			{"a chain that drops", []entry{{false, 2 * size}, {false, accept}, {false, drop}}, true, 0},
		} {
			table := &legacyTable{shape: s, known: make(map[int]legacyFate)}
			for _, e := range c.rules {
				table.rules = append(table.rules, rule(s, e.looks, e.verdict)...)
			}
			if drops, passes := table.fate(0); drops != c.drops || passes != c.passes {
				t.Errorf("%s, %s: drops %v and %d may pass, want %v and %d", name, c.what, drops, passes, c.drops, c.passes)
			}
		}
	}
}

// Whatever stands in a table, following it comes to an end.
func TestLegacyFateOfNoise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		table := &legacyTable{shape: shape4, known: make(map[int]legacyFate)}
		for range 1 + r.IntN(8) {
			table.rules = append(table.rules, rule(shape4, r.IntN(2) == 0, int32(r.IntN(8)*152-r.IntN(3)*152-r.IntN(2)))...)
		}
		for range r.IntN(4) {
			table.rules[r.IntN(len(table.rules))] = byte(r.IntN(256))
		}
		table.fate(0)
	}
}
