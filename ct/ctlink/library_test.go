package ctlink_test

import (
	"cmp"
	"net/netip"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/ti-mo/conntrack"

	"github.com/snatctl/snatctl/ct/ctlink"
)

// seen is a flow as both our decoder and the library's tell it.
type seen struct {
	Orig, Reply [2]netip.AddrPort
	Proto       uint8
	ID          uint32
	Status      uint32
	Zone        uint16
}

// Flows that the library makes, translated or not, over both families and in a conntrack zone, are
// read by our decoder as the library reads them; and what either deletes is gone for both.
func TestLibrary(t *testing.T) {
	g := newGateway(t)
	var lib *conntrack.Conn
	if err := g.host.Do(func() (err error) {
		lib, err = conntrack.Dial(nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lib.Close() })
	addr := netip.MustParseAddr
	for i, f := range []struct {
		proto                        uint8
		src, dst, replySrc, replyDst string
		zone                         uint16
	}{
		{6, "10.9.5.9", "8.8.8.8", "8.8.8.8", "198.51.100.1", 0},
		{17, "10.9.5.9", "203.0.113.1", "192.168.1.1", "10.9.5.9", 0},
		{132, "10.9.5.9", "203.0.113.1", "192.168.1.1", "192.168.2.250", 0},
		{17, "fd09::9", "2001:db8:8::8", "2001:db8:8::8", "2001:db8:99::1", 0},
		{17, "10.9.5.9", "8.8.8.8", "8.8.8.8", "10.9.5.9", 7},
	} {
		made := conntrack.NewFlow(f.proto, conntrack.StatusSeenReply|conntrack.StatusAssured|conntrack.StatusConfirmed, addr(f.src), addr(f.dst), uint16(1000+i), 53, 600, 0)
		made.Zone = f.zone
		made.TupleReply.IP.SourceAddress, made.TupleReply.IP.DestinationAddress = addr(f.replySrc), addr(f.replyDst)
		if err := lib.Create(made); err != nil {
			t.Fatalf("make %+v: %v", f, err)
		}
	}
	both := func() (ours, theirs []seen) {
		t.Helper()
		for f, err := range g.conn.Flows(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			ours = append(ours, seen{[2]netip.AddrPort{f.Orig.Src, f.Orig.Dst}, [2]netip.AddrPort{f.Reply.Src, f.Reply.Dst}, uint8(f.Orig.Proto), f.ID, uint32(f.Status), f.CTZone})
		}
		all, err := lib.Dump(nil)
		if err != nil {
			t.Fatal(err)
		}
		ends := func(u conntrack.Tuple) [2]netip.AddrPort {
			return [2]netip.AddrPort{netip.AddrPortFrom(u.IP.SourceAddress, u.Proto.SourcePort), netip.AddrPortFrom(u.IP.DestinationAddress, u.Proto.DestinationPort)}
		}
		for _, f := range all {
			theirs = append(theirs, seen{ends(f.TupleOrig), ends(f.TupleReply), f.TupleOrig.Proto.Protocol, f.ID, uint32(f.Status), f.Zone})
		}
		for _, list := range [][]seen{ours, theirs} {
			slices.SortFunc(list, func(a, b seen) int { return cmp.Compare(a.Orig[0].Port(), b.Orig[0].Port()) })
		}
		return ours, theirs
	}
	ours, theirs := both()
	if d := gocmp.Diff(theirs, ours, gocmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" || len(ours) != 5 {
		t.Errorf("of 5 flows the library and we read differently (-library +ours):\n%s", d)
	}
	all, err := lib.Dump(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.TupleOrig.Proto.SourcePort == 1001 {
			if err := lib.Delete(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	var keys []ctlink.Key
	for f := range g.conn.Flows(t.Context()) {
		if f.Orig.Src.Port() >= 1003 {
			keys = append(keys, ctlink.KeyOf(f))
		}
	}
	if n, err := g.conn.Delete(t.Context(), keys); n != 2 || err != nil {
		t.Errorf("we deleted %d flows, want 2 (%v)", n, err)
	}
	if ours, theirs = both(); len(ours) != 2 || len(theirs) != 2 {
		t.Errorf("left are %d flows, for the library %d; want 2", len(ours), len(theirs))
	}
}
