package policy

import (
	"testing"

	"github.com/snatctl/snatctl/inet"
)

func TestQuorumNeed(t *testing.T) {
	for _, c := range []struct {
		q     Quorum
		n     int
		need  int
		words string
	}{
		{Quorum{}, 4, 1, "1"}, {Quorum{}, 0, 1, "1"}, {Quorum{Count: 2}, 4, 2, "2"}, {Quorum{Count: 5}, 4, 5, "5"},
		{Quorum{Percent: 50}, 4, 2, "50%"}, {Quorum{Percent: 50}, 5, 3, "50%"}, {Quorum{Percent: 100}, 3, 3, "100%"},
		{Quorum{Percent: 1}, 3, 1, "1%"}, {Quorum{Percent: 34}, 3, 2, "34%"}, {Quorum{Percent: 33}, 3, 1, "33%"}, {Quorum{Percent: 50}, 0, 1, "50%"},
	} {
		if got := c.q.Need(c.n); got != c.need || c.q.String() != c.words {
			t.Errorf("%v of %d needs %d, want %d", c.q, c.n, got, c.need)
		}
	}
}

// TestCheckKeys holds that every type uses what it needs.
func TestCheckKeys(t *testing.T) {
	for _, typ := range CheckTypes() {
		for _, key := range typ.Needs() {
			if !typ.Uses(key) {
				t.Errorf("%s needs %s and does not use it", typ, key)
			}
		}
		if !typ.Uses("interval") {
			t.Errorf("%s has no interval", typ)
		}
	}
	if CheckICMP.Uses("port") || CheckTCP.Uses("path") || !CheckHTTPS.Uses("path") {
		t.Error("keys belong to other types")
	}
}

// TestEnds holds which flows of a server that goes down are ended.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		on       OnDown
		proto    inet.Proto
		answered bool
		want     bool
	}{
		{DownAuto, inet.TCP, true, false}, {DownAuto, inet.TCP, false, true},
		{DownAuto, inet.SCTP, true, false}, {DownAuto, inet.SCTP, false, true},
		{DownAuto, inet.UDP, true, true}, {DownAuto, inet.UDP, false, true},
		{DownEnd, inet.TCP, true, true}, {DownKeep, inet.UDP, false, false},
		{"", inet.TCP, true, false}, {"", inet.UDP, true, true},
	} {
		if got := c.on.Ends(c.proto, c.answered); got != c.want {
			t.Errorf("on_down %q: a flow of %s, answered %v, ends: %v", c.on, c.proto, c.answered, got)
		}
	}
}
