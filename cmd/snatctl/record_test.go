package main

import (
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/nft"
)

func TestSummary(t *testing.T) {
	add := func(kind compiler.Kind, name string) compiler.Change {
		return compiler.Change{Action: compiler.AddObject, Kind: kind, Name: name}
	}
	for _, c := range []struct {
		of   difference
		want string
	}{
		{difference{}, "no difference"},
		{difference{Rules: nft.Tally{Add: 2}, Elements: nft.Tally{Delete: 1}}, "rules +2 -0, elements +0 -1"},
		{difference{Changes: []compiler.Change{add(compiler.KindZone, "a"), {Action: compiler.RemoveObject, Kind: compiler.KindPool, Name: "b"}}}, "+ zone a, - pool b"},
		{difference{Changes: []compiler.Change{add(compiler.KindGateway, "g"), add(compiler.KindGateway, "g"), add(compiler.KindZone, "g")}}, "+ gateway g, + zone g"},
		{difference{Changes: []compiler.Change{add(compiler.KindService, "web"), add(compiler.KindRealServer, "web/192.168.1.1:80")}}, "+ service web"},
		{difference{Changes: []compiler.Change{add(compiler.KindRealServer, "web/192.168.1.1:80")}}, "+ real server web/192.168.1.1:80"},
		{difference{Changes: []compiler.Change{add(compiler.KindZone, "a"), add(compiler.KindZone, "b"), add(compiler.KindZone, "c"), add(compiler.KindZone, "d"), add(compiler.KindZone, "e")}},
			"+ zone a, + zone b, + zone c and 2 more"},
	} {
		if got := c.of.summary(); got != c.want {
			t.Errorf("the summary of %v is %q, want %q", c.of, got, c.want)
		}
	}
}
