package traffic

import (
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/ct"
)

// What elements had counted stays in the sums when some of them, or all, are made anew. Of an object that has
// gone and comes back, or of another address, nothing is known.
func TestCountersNeverGoDown(t *testing.T) {
	var totals totals
	one, two := netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("192.168.1.2")
	for i, c := range []struct {
		service, zone uint64
		servers       []ct.ServerReport
		want          [4]uint64 // service, zone, its first and its second real server
	}{
		{20, 7, []ct.ServerReport{{Address: one, New: 12}, {Address: two, New: 8}}, [4]uint64{20, 7, 12, 8}},
		{10, 7, []ct.ServerReport{{Address: one, Port: 80, New: 6}, {Address: two, Port: 80, New: 4}}, [4]uint64{20, 7, 12, 8}}, // a port of the service less
		{13, 9, []ct.ServerReport{{Address: one, Port: 80, New: 8}, {Address: two, Port: 80, New: 5}}, [4]uint64{23, 9, 14, 9}},
		{0, 0, []ct.ServerReport{{Address: one, Port: 80}, {Address: two, Port: 80}}, [4]uint64{23, 9, 14, 9}}, // the table was made anew
		{1, 1, []ct.ServerReport{{Address: one, Port: 80, New: 1}, {Address: two, Port: 80}}, [4]uint64{24, 10, 15, 9}},
		{2, 1, []ct.ServerReport{{Address: one, Port: 80, New: 1}, {Address: one, Port: 81, New: 1}}, [4]uint64{25, 10, 1, 1}}, // by port
		{2, 1, []ct.ServerReport{{Address: one, Port: 80, New: 0}, {Address: one, Port: 81, New: 2}}, [4]uint64{25, 10, 1, 2}},
	} {
		a := reported(true)
		a.Services[0].New, a.Services[0].Uncounted, a.Services[0].Servers, a.Zones[1].New = c.service, false, c.servers, c.zone
		a.Services[0].Limits, a.Zones[1].Limits = []ct.Limit{{Key: "connections", Refused: c.service}}, []ct.Limit{{Key: "connections", Refused: c.zone}}
		f := totals.figures(a)
		s := f.Services[0]
		if got := [4]uint64{s.Opened, f.Zones[1].Opened, s.Servers[0].Opened, s.Servers[1].Opened}; got != c.want {
			t.Errorf("reading %d: the sums are %v, want %v", i, got, c.want)
		}
		if len(s.Refused) != 1 || s.Refused[0] != c.want[0] || len(f.Zones[1].Refused) != 1 || f.Zones[1].Refused[0] != c.want[1] {
			t.Errorf("reading %d: limits refused %v and %v", i, s.Refused, f.Zones[1].Refused)
		}
		if s.New != c.service {
			t.Errorf("reading %d: status says %d", i, s.New)
		}
	}
}
