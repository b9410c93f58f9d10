package nft_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
)

// Every kind of objects has a sample, and every sample a kind: what follows here and in the
// packages wire and nftlink tries each verb with all samples.
func TestEveryKindHasASample(t *testing.T) {
	sampled := map[nft.ObjectKind]reflect.Type{}
	for _, o := range sample.Objects() {
		k := o.Ref().Kind
		if typ := sampled[k]; typ != nil && typ != reflect.TypeOf(o) {
			t.Errorf("%s is %v and %v", k, typ, reflect.TypeOf(o))
		}
		sampled[k] = reflect.TypeOf(o)
	}
	for _, k := range nft.ObjectKinds() {
		if sampled[k] == nil {
			t.Errorf("there is no sample of kind %s", k)
		}
		if use := (nft.Use{Object: nft.Ref{Kind: k, Name: "x"}}).String(); !strings.HasSuffix(use, ` "x"`) || len(use) <= len(` "x"`) {
			t.Errorf("the statement that uses a %s is written %s", k, use)
		}
	}
	if len(sampled) != len(nft.ObjectKinds()) {
		t.Errorf("there are samples of %d kinds, and %d kinds", len(sampled), len(nft.ObjectKinds()))
	}
}

// The text of objects, as nft writes them.
func TestObjectTexts(t *testing.T) {
	for _, c := range []struct {
		object nft.Object
		want   string
	}{
		{nft.NamedCounter{Name: "hits", Packets: 7}, "counter hits { }"},
		{nft.CtHelper{Name: "ftp", Comment: "active", Helper: "ftp", Proto: inet.TCP}, `ct helper ftp { comment "active"; type "ftp" protocol tcp; l3proto inet }`},
		{nft.Limit{Name: "slow", Rate: 10, Unit: nft.PerSecond}, "limit slow { rate 10/second burst 5 packets }"},
		{nft.Limit{Name: "bytes", Rate: 1500, Unit: nft.PerHour, Bytes: true, Over: true, Burst: 9}, "limit bytes { rate over 1500 bytes/hour burst 9 bytes }"},
		{nft.Limit{Name: "odd", Rate: 1, Unit: 7, Bytes: true}, "limit odd { rate 1 bytes/7 seconds }"},
		{nft.CtTimeout{Name: "dns", Proto: inet.UDP, Family: inet.V6, After: nft.DefaultTimeouts(inet.UDP)},
			"ct timeout dns { protocol udp; l3proto ip6; policy = { unreplied : 30, replied : 120 } }"},
		{nft.SynProxy{Name: "full", MSS: 1460, WScale: 7, Timestamp: true, SackPerm: true}, "synproxy full { mss 1460; wscale 7; timestamp sack-perm }"},
		{nft.SynProxy{Name: "plain", MSS: 1460}, "synproxy plain { mss 1460; wscale 0 }"},
	} {
		if got := nft.ObjectString(c.object); got != c.want {
			t.Errorf("%#v is written\n%s\nwant\n%s", c.object, got, c.want)
		}
	}
}

// What an object has counted is no difference, nor is a default that is spelled out.
func TestSameObjects(t *testing.T) {
	for _, o := range sample.Objects() {
		r := using(o)
		live := using(o)
		switch x := o.(type) {
		case nft.NamedCounter:
			x.Packets, x.Bytes = 7, 700
			live.Objects[0] = x
		case nft.Limit:
			if x.Burst == 0 && !x.Bytes {
				x.Burst = nft.DefaultBurst
				live.Objects[0] = x
			}
		}
		if p := diff(live, r); !p.Empty() {
			t.Errorf("an object that has counted differs:\n%s", formatted(p))
		}
	}
}

// using returns a table that uses objects, with forms and handles.
func using(objects ...nft.Object) *nft.Ruleset {
	r := sample.Using(slices.Clone(objects))
	for _, c := range r.Chains {
		for i := range c.Rules {
			c.Rules[i].Form, c.Rules[i].Handle = c.Rules[i].String(), uint64(i+1)
		}
	}
	return r
}

// An object that changes is made anew, and with it what uses it: in an order that a kernel takes.
func TestDiffOfObjects(t *testing.T) {
	limit := func(rate uint64) *nft.Ruleset {
		return using(nft.Limit{Name: "slow", Rate: rate, Unit: nft.PerSecond})
	}
	for _, c := range []struct {
		name       string
		live, want *nft.Ruleset
		plan       string
	}{
		{"same", limit(1), limit(1), ""},
		{"other settings", limit(1), limit(2), `- rule forward: meta l4proto tcp limit name "slow"
- rule forward: meta l4proto tcp limit name ip saddr map @limit-by
- limit slow { rate 1/second burst 5 packets }
+ limit slow { rate 2/second burst 5 packets }
+ rule forward: meta l4proto tcp limit name "slow"
+ rule forward: meta l4proto tcp limit name ip saddr map @limit-by
~ element limit-by { 10.0.0.1 comment "number slow" : "slow" }
`},
		{"goes", limit(1), using(), `- element limit-by { 10.0.0.1 comment "number slow" : "slow" }
- rule forward: meta l4proto tcp limit name "slow"
- rule forward: meta l4proto tcp limit name ip saddr map @limit-by
- map limit-by { type ipv4_addr : limit }
- limit slow { rate 1/second burst 5 packets }
`},
		{"comes", using(), limit(1), `+ limit slow { rate 1/second burst 5 packets }
+ map limit-by { type ipv4_addr : limit }
+ rule forward: meta l4proto tcp limit name "slow"
+ rule forward: meta l4proto tcp limit name ip saddr map @limit-by
+ element limit-by { 10.0.0.1 comment "number slow" : "slow" }
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := formatted(diff(c.live, c.want)); got != c.plan {
				t.Errorf("the plan is\n%s\nwant\n%s", got, c.plan)
			}
		})
	}
}

// A walk through tables with some of all objects, each of them changed at times.
func TestDiffWalksObjects(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	live := using()
	for range 300 {
		var some []nft.Object
		for _, o := range sample.Objects() {
			switch random.IntN(3) {
			case 0:
				some = append(some, o)
			case 1:
				some = append(some, changed(o))
			}
		}
		want := using(some...)
		plan := diff(live, want)
		k := &kernel{canonical(live)}
		for i, c := range live.Chains {
			for n := range c.Rules {
				k.table.Chains[i].Rules[n].Handle = c.Rules[n].Handle
			}
		}
		if err := k.apply(plan); err != nil {
			t.Fatalf("seed %d: the plan\n%s\nis refused: %v", seed, formatted(plan), err)
		}
		if d := gocmp.Diff(canonical(want), canonical(k.table)); d != "" {
			t.Fatalf("seed %d: the plan leads elsewhere (-want +got):\n%s", seed, d)
		}
		deletionsFirst(t, plan)
		live = want
	}
}

// changed returns an object with another setting.
func changed(o nft.Object) nft.Object {
	switch o := o.(type) {
	case nft.NamedCounter:
		o.Comment += " changed"
		return o
	case nft.CtHelper:
		o.Helper = "sip"
		return o
	case nft.Limit:
		o.Rate++
		return o
	case nft.CtTimeout:
		o.After[0]++
		return o
	case nft.SynProxy:
		o.MSS--
		return o
	}
	panic(fmt.Sprintf("no change of %T", o))
}
