package nftlink_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/nft"
)

// The table that Apply makes and the one that nft makes of the script are one: nft lists
// them alike, Read returns the wanted ruleset from both, and the listing loads again. nft is
// the judge: it shares no code with this package.
func TestSameAsNft(t *testing.T) {
	t.Parallel()
	applied, loaded := newGateway(t), newGateway(t)
	for _, c := range features(t) {
		t.Run(c.name, func(t *testing.T) {
			applied, loaded := applied.on(t), loaded.on(t)
			applied.clear()
			loaded.clear()

			if plan := applied.apply(c.want); plan.Whole != nft.Create {
				t.Errorf("the plan for an empty kernel is %d, want Create", plan.Whole)
			}
			applied.holds(c.want)
			loaded.nft(script(t, c.want))
			loaded.holds(c.want)

			ours, theirs := applied.list(c.want.Table), loaded.list(c.want.Table)
			if ours != theirs {
				t.Errorf("Apply makes\n%s\nnft makes\n%s", ours, theirs)
			}
			loaded.clear()
			loaded.nft(ours)
			loaded.holds(c.want)
			if again := loaded.list(c.want.Table); again != ours {
				t.Errorf("the listing\n%s\nlists differently after loading it:\n%s", ours, again)
			}
			// The script replaces the table whole, so loading it is repeatable.
			loaded.nft(script(t, c.want))
			if again := loaded.list(c.want.Table); again != theirs {
				t.Errorf("the script loaded over the table lists as\n%s\nwant\n%s", again, theirs)
			}
		})
	}
}

// Wherever a walk over all cases comes from, a difference leads to the table that is made
// from nothing, and leaves no trace of what was there.
func TestWalk(t *testing.T) {
	t.Parallel()
	walker, fresh := newGateway(t), newGateway(t)
	all := append(features(t), steps(t)...)
	wanted := make([]string, len(all))
	for i, c := range all {
		c.want.Table = "walk" // one table, whatever the policy calls it
		fresh.clear()
		fresh.apply(c.want)
		wanted[i] = blocks(nstest.Unsized(fresh.list("walk")))
	}
	random := rand.New(rand.NewPCG(1, 2)) // the same order every time
	last := "nothing"
	for _, i := range slices.Concat(random.Perm(len(all)), random.Perm(len(all))) {
		c := all[i]
		plan := walker.apply(c.want)
		if plan.Whole == nft.Replace {
			t.Errorf("from %s to %s the table is made anew: %s", last, c.name, plan.Reason)
		}
		walker.holds(c.want)
		if got := blocks(nstest.Unsized(walker.list("walk"))); got != wanted[i] {
			t.Fatalf("from %s to %s leads to\n%s\nwant\n%s", last, c.name, got, wanted[i])
		}
		last = c.name
	}
}

// sortElements sorts the elements of a set or map in a listing: nft does so itself for all but
// concatenations of ranges, which come as they were added.
func sortElements(block string) string {
	head, list, ok := strings.Cut(block, "elements = { ")
	if !ok {
		return block
	}
	list, tail, _ := strings.Cut(list, " }\n")
	elements := strings.Split(list, ",\n")
	for i := range elements {
		elements[i] = strings.TrimSpace(elements[i])
	}
	slices.Sort(elements)
	return head + "elements = { " + strings.Join(elements, ",\n") + " }\n" + tail
}

// blocks sorts the sets, maps and chains of a listing: they come in the order in which they
// were made, which has no meaning. What stands before the first of them stays there.
func blocks(listing string) string {
	head, rest := listing, ""
	if at := strings.Index(listing, "{\n\tcomment "); at >= 0 {
		at += len("{\n") + strings.Index(listing[at+len("{\n"):], "\n") + 1
		head, rest = listing[:at], listing[at:]
	}
	parts := strings.Split(strings.TrimSuffix(rest, "}\n"), "\n\n")
	for i := range parts {
		parts[i] = sortElements(strings.TrimSuffix(parts[i], "\n"))
	}
	slices.Sort(parts)
	return head + strings.Join(parts, "\n\n")
}

// What is there already is not sent again: the generation of the ruleset stays.
func TestUnchangedSendsNothing(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	want := mustCompile(t, small)
	g.apply(want)
	_, before := g.read(want.Table)
	handles := g.output("-a", "list", "ruleset")
	if plan := g.apply(want); !plan.Empty() {
		t.Errorf("there is a plan:\n%s", formatted(plan))
	}
	if _, after := g.read(want.Table); after != before {
		t.Errorf("the generation went from %d to %d", before, after)
	}
	if now := g.output("-a", "list", "ruleset"); now != handles {
		t.Errorf("the ruleset was\n%s\nand is\n%s", handles, now)
	}
}

// Rules that stay keep their handles, elements their counters.
func TestUntouchedStays(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.apply(mustCompile(t, small))
	handles := func() map[uint64]string {
		live, _ := g.read("snatctl")
		m := map[uint64]string{}
		for _, c := range live.Chains {
			for _, r := range c.Rules {
				m[r.Handle] = c.Name + " " + r.Form
			}
		}
		return m
	}
	before := handles()
	more := strings.Replace(small, "services:", "  - {name: more, from: 10.7.0.0/16, laddrs: 198.51.100.7}\nservices:", 1)
	plan := g.apply(mustCompile(t, more))
	// The reject of what no zone matches goes around the new zone: one range becomes two.
	rules, elements := plan.Counts()
	if rules != (nft.Tally{}) || elements != (nft.Tally{Add: 3, Delete: 1}) {
		t.Errorf("one more zone takes rules %+v and elements %+v:\n%s", rules, elements, formatted(plan))
	}
	if after := handles(); !maps.Equal(after, before) {
		t.Errorf("rules by handle were %v and are %v", before, after)
	}
}

// small is a policy with a bit of everything.
const small = `version: 1
gateway: {uplinks: wan0, unmatched: reject}
laddrs:
  apart: [198.51.100.1, 198.51.100.9]
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: [198.51.100.16/30, "2001:db8:99::10/126"]}
  - {name: guests, from: 10.2.0.0/16, laddrs: apart, exclude: 192.168.0.0/16}
  - {name: lab, from: 10.66.0.0/16, action: drop}
services:
  - {name: web, vip: [203.0.113.10, "2001:db8::10"], ports: [tcp/80, tcp/443], mode: nat, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1"]}
  - {name: dns, vip: 203.0.113.10, ports: udp/50-53, mode: fullnat, laddrs: 192.168.2.9, real_servers: 192.168.1.3}
`

func TestReadOfNothing(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	if r, _ := g.read("snatctl"); r != nil {
		t.Errorf("an empty kernel has the table %+v", r)
	}
	g.nft("table ip snatctl { chain c { }; }") // another family is another table
	if r, _ := g.read("snatctl"); r != nil {
		t.Errorf("a kernel with the table in another family has the table %+v", r)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.nft(foreign)
	before := g.output("-a", "list", "ruleset")
	remove := func(want bool) {
		t.Helper()
		was, err := g.conn.Delete(t.Context(), "snatctl")
		if err != nil || was != want {
			t.Errorf("Delete says %t, %v, want %t", was, err, want)
		}
	}
	remove(false)
	g.apply(mustCompile(t, small))
	remove(true)
	if after := g.output("-a", "list", "ruleset"); after != before {
		t.Errorf("Delete leaves\n%s\nwant\n%s", after, before)
	}
	remove(false)
	g.apply(mustCompile(t, small)) // the connection is as good as before
	g.holds(mustCompile(t, small))
}

// foreign is tables of others, some with names like ours.
const foreign = `
table ip snatctl { map services4 { type ipv4_addr : ipv4_addr; elements = { 10.9.9.9 : 10.9.9.8 }; }; chain prerouting { type nat hook prerouting priority -100; dnat to ip daddr map @services4; }; }
table ip6 other { chain c { type filter hook forward priority 9; ip6 saddr fd99::9 drop; }; }
table inet snatctl2 { comment "foreign"; set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }; chain zones { ip saddr @s counter drop; }; }
table netdev n { chain c { type filter hook ingress device lo priority 0; ip saddr 10.9.9.9 drop; }; }
`

// Tables of others stay as they are, handles and all.
func TestForeignTablesStay(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.nft(foreign)
	tables := [][]string{{"ip", "snatctl"}, {"ip6", "other"}, {"inet", "snatctl2"}, {"netdev", "n"}}
	list := func() (out []string) {
		for _, table := range tables {
			out = append(out, g.output(append([]string{"-a", "list", "table"}, table...)...))
		}
		return out
	}
	before := list()
	for _, c := range steps(t) {
		g.apply(c.want)
	}
	g.apply(mustCompile(t, small))
	g.holds(mustCompile(t, small))
	if after := list(); !slices.Equal(after, before) {
		t.Errorf("tables of others were\n%s\nand are\n%s", strings.Join(before, ""), strings.Join(after, ""))
	}
}

func TestDeleteDormant(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.apply(mustCompile(t, small))
	g.nft("add table inet snatctl { flags dormant; }")
	if was, err := g.conn.Delete(t.Context(), "snatctl"); !was || err != nil {
		t.Errorf("Delete of a dormant table says %t, %v", was, err)
	}
	if after := g.output("list", "ruleset"); after != "" {
		t.Errorf("Delete leaves\n%s", after)
	}
}
