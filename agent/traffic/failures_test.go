package traffic

import (
	"testing"
	"time"

	"github.com/snatctl/snatctl/ct"
)

// moment is a reading: what the elements of both zones have counted, the flows that began since the one
// before, and what conntrack has refused.
type moment struct {
	office, guests uint64
	begun          uint64 // of office
	expected       uint64 // likewise, expected by a helper
	refused        uint64
	lost           bool // events, so that it is not known what began
	want           uint64
}

// What elements counted and what never became a flow failed; and nothing else did.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name    string
		moments []moment
	}{
		{"none", []moment{{office: 100}, {office: 110, begun: 10}, {office: 300, begun: 190}}},
		{"all", []moment{{office: 64}, {office: 74, refused: 10, want: 10}, {office: 75, refused: 11, want: 11}}},
		{"of both zones", []moment{{office: 64}, {office: 70, guests: 4, begun: 2, refused: 8, want: 8}}},
		{"begins while it is read", []moment{{office: 100}, {office: 110, begun: 15}, {office: 120, begun: 5}, {office: 130, begun: 10}}},
		{"fails meanwhile", []moment{{office: 100}, {office: 110, begun: 15, refused: 5}, {office: 125, begun: 5, refused: 10, want: 5}, {office: 140, begun: 10, refused: 20, want: 10}}},
		{"races", []moment{{office: 100}, {office: 110, begun: 8}, {office: 120, begun: 8}}},
		{"refused elsewhere", []moment{{office: 100}, {office: 110, begun: 10, refused: 50}}},
		{"events lost", []moment{{office: 100}, {office: 200, lost: true, refused: 7}, {office: 210, begun: 5, refused: 12, want: 5}}},
		{"elements made anew", []moment{{office: 100}, {office: 110, begun: 8, refused: 2, want: 2}, {office: 3, begun: 9, refused: 2, want: 2}, {office: 13, refused: 12, want: 12}}},
		{"expected", []moment{{office: 100}, {office: 110, begun: 5, expected: 40, refused: 5, want: 5}}},
		{"not of the element", []moment{{office: 100}, {office: 110, begun: 50}, {office: 110}, {office: 120, refused: 10, want: 10}}},
		{"kernel's counter wraps", []moment{{office: 100, refused: 1<<32 - 1}, {office: 120, begun: 10, refused: 4}, {office: 130, refused: 14, want: 10}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var totals totals
			for i, m := range c.moments {
				a := reported(!m.lost && i > 0, ct.Rate{Group: group("office", ""), New: m.begun}, ct.Rate{Group: ct.Group{Name: "office", Expected: true}, New: m.expected})
				a.Over = time.Second
				a.Zones[0].New, a.Zones[1].New, a.Stats.InsertFailed = m.guests, m.office, m.refused
				if got := totals.figures(a).Pools[0].Failures; got != m.want {
					t.Errorf("reading %d: %d connections failed, want %d", i, got, m.want)
				}
			}
		})
	}
}
