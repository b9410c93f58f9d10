package gateway

import (
	"testing"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/nft"
)

func TestSummary(t *testing.T) {
	add := func(kind tell.Kind, name string) tell.Change {
		return tell.Change{Action: tell.AddObject, Kind: kind, Name: name}
	}
	for _, c := range []struct {
		of   Difference
		want string
	}{
		{Difference{}, "no difference"},
		{Difference{Rules: nft.Tally{Add: 2}, Elements: nft.Tally{Delete: 1}}, "rules +2 -0, elements +0 -1"},
		{Difference{Changes: []tell.Change{add(tell.KindZone, "a"), {Action: tell.RemoveObject, Kind: tell.KindPool, Name: "b"}}}, "+ zone a, - pool b"},
		{Difference{Changes: []tell.Change{add(tell.KindGateway, "g"), add(tell.KindGateway, "g"), add(tell.KindZone, "g")}}, "+ gateway g, + zone g"},
		{Difference{Changes: []tell.Change{add(tell.KindService, "web"), add(tell.KindRealServer, "web/192.168.1.1:80")}}, "+ service web"},
		{Difference{Changes: []tell.Change{add(tell.KindRealServer, "web/192.168.1.1:80")}}, "+ real server web/192.168.1.1:80"},
		{Difference{Changes: []tell.Change{add(tell.KindZone, "a"), add(tell.KindZone, "b"), add(tell.KindZone, "c"), add(tell.KindZone, "d"), add(tell.KindZone, "e")}},
			"+ zone a, + zone b, + zone c and 2 more"},
	} {
		if got := c.of.Summary(); got != c.want {
			t.Errorf("the summary of %v is %q, want %q", c.of, got, c.want)
		}
	}
}
