package nftlink_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// somebodys is a table that snatctl would never make, with what it never uses.
const somebodys = `
table inet snatctl {
	counter hits { packets 7 bytes 700 }
	quota much { over 10 mbytes used 3 mbytes }
	limit slow { rate 3/second burst 9 packets; }
	set seen { type ipv4_addr; flags dynamic,timeout; timeout 1h; size 100; elements = { 10.9.9.9 timeout 30m expires 20m }; }
	set counted { type ipv4_addr . inet_service; counter; elements = { 10.9.9.9 . 80 counter packets 5 bytes 50 comment "mine" }; }
	set ranges { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0-10.0.0.9, 10.0.0.10-10.0.0.19 comment "next", 255.255.255.0/24 }; }
	set nets { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80-90, * }; }
	map marks { type ipv4_addr : mark; elements = { 10.9.9.9 : 0x7, 10.9.9.10 : 0x8 }; }
	map hit { type ipv4_addr : counter; elements = { 10.9.9.9 : "hits" }; }
	map ways { type ifname : verdict; flags interval; elements = { "wan*" : jump second, "lan0" : drop }; }
	chain late {
		type filter hook postrouting priority 300; policy drop;
		comment "not ours"
		counter packets 3 bytes 30 accept comment "all"
	}
	set open { type ipv4_addr; flags dynamic; size 65536; elements = { 10.9.9.9 ct count over 5 } }
	set rates { type ipv4_addr; flags dynamic,timeout; size 65536; timeout 1h; elements = { 10.9.9.9 limit rate over 5/second burst 9 packets } }
	chain second { ip saddr { 10.1.0.0/16, 10.2.0.0-10.2.0.9 } tcp dport vmap { 22 : accept, 80 : goto third }; }
	chain third {
		ip saddr 10.3.0.1 jump { counter; ip daddr 10.3.0.2 return; drop; }
		ip saddr 10.3.0.3 jump { reject with icmp type host-unreachable; }
		update @seen { ip saddr timeout 5m }
		add @open { ip saddr ct count over 5 } drop
		update @rates { ip saddr timeout 1h limit rate over 5/second burst 9 packets } drop
		counter name "hits" quota name "much" limit name "slow"
		ct state established,related meta mark set ip saddr map @marks
		ip saddr . tcp dport @counted log prefix "seen " group 2
		limit rate over 5/minute burst 3 packets drop
		meta l4proto { tcp, udp } snat ip to 198.51.100.1-198.51.100.9:1024-2048 persistent,fully-random
		iifname vmap @ways
		fib saddr . iif oif missing drop
		tcp option maxseg size set rt mtu
	}
}
`

// matchesAll finds elements that match everything.
var matchesAll = regexp.MustCompile(`[{,] \*( :| })`)

// A table that was snapshot is put back as it was to the letter: order, handles aside, counters,
// comments, timeouts, whoever made it and whatever became of it since.
func TestRestore(t *testing.T) {
	t.Parallel()
	cases := append(drifts(), drift{name: "nothing done by hand"},
		drift{name: "table of somebody else", script: "delete table inet snatctl\n" + somebodys})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err != nil || matchesAll.MatchString(c.script) && strings.HasPrefix(string(release), "5.10.") {
				t.Skipf("Linux %s has no elements that match everything, as 5.13 has: %v", release, err)
			}
			want := mustCompile(t, small)
			g.apply(want)
			g.nft(c.script)
			before := stateful(g)
			s, gen, err := g.conn.Snapshot(t.Context(), "snatctl")
			if err != nil {
				t.Fatal(err)
			}
			if _, now := g.read("snatctl"); now != gen {
				t.Errorf("the snapshot is of generation %d, the table of %d", gen, now)
			}
			for _, since := range []string{"", "add table inet snatctl; delete table inet snatctl", "add table inet snatctl; delete table inet snatctl; add table inet snatctl { flags dormant; }"} {
				if since == "" {
					g.apply(want)
				} else {
					g.nft(since)
				}
				if err := g.conn.Check(t.Context(), s); err != nil {
					t.Errorf("Check: %v", err)
				}
				if err := g.conn.Restore(t.Context(), s); err != nil {
					t.Fatalf("Restore: %v", err)
				}
				if after := stateful(g); after != before {
					t.Errorf("Restore leaves\n%s\nwant\n%s", after, before)
				}
			}
		})
	}
}

// stateful lists all rulesets, with counters, and with what expires but for the time left.
func stateful(g *gateway) string {
	g.t.Helper()
	var out []string
	for line := range strings.Lines(g.output("list", "ruleset")) {
		if before, after, found := strings.Cut(line, " expires "); found {
			_, after, _ = strings.Cut(after, " ")
			line = before + " " + after
		}
		out = append(out, line)
	}
	return strings.Join(out, "")
}

// All features of the compiler come back as they were.
func TestRestoreFeatures(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, c := range features(t) {
		g := g.on(t)
		g.clear()
		g.apply(c.want)
		before := stateful(g)
		s, _, err := g.conn.Snapshot(t.Context(), c.want.Table)
		if err != nil {
			t.Fatal(err)
		}
		g.nft("delete table inet " + c.want.Table + "; add table inet " + c.want.Table)
		if err := g.conn.Restore(t.Context(), s); err != nil {
			t.Fatalf("%s: Restore: %v", c.name, err)
		}
		if after := stateful(g); after != before {
			t.Errorf("%s: Restore leaves\n%s\nwant\n%s", c.name, after, before)
		}
		g.holds(c.want)
	}
}

// The snapshot of no table removes the table and leaves others alone.
func TestRestoreNothing(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.nft("add table ip snatctl; add table inet other")
	before := g.output("list", "ruleset")
	s, _, err := g.conn.Snapshot(t.Context(), "snatctl")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.conn.Restore(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if after := g.output("list", "ruleset"); after != before {
			t.Errorf("Restore leaves\n%s\nwant\n%s", after, before)
		}
		g.apply(mustCompile(t, small))
	}
}
