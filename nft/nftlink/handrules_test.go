package nftlink_test

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/nft/nftlink"
)

// handRules are rules as people write them, with every expression that nft knows in this family
// and the kernel of a namespace has.
const handRules = `
tcp option maxseg size set rt mtu
tcp option maxseg size set 1400
reset tcp option sack-perm
tcp option sack exists accept
exthdr frag exists drop
ip option rr exists drop
notrack
tcp dport 80 tproxy to :5000
tcp dport 80 tproxy ip to 127.0.0.1:5000
synproxy mss 1460 wscale 7 timestamp sack-perm
masquerade random,persistent
meta l4proto tcp masquerade to :1024-2000
tcp dport 1 redirect to :8080
redirect
snat ip to numgen random mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }
snat ip to jhash ip saddr . ip daddr mod 2 seed 0x1 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }
snat ip to symhash mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }
socket transparent 1 mark set 1 accept
osf name "Linux" drop
ct zone set 3
ct helper set "ftp1"
ct mark set 7
ct mark set ct mark | 7
ct label set 3
ct event set new,destroy
ct count over 5 drop
add @dyn { ip saddr limit rate 3/second burst 5 packets } accept
update @dyn2 { ip saddr timeout 3s counter } accept
delete @dyn2 { ip saddr }
log prefix "x" level warn flags all
log prefix "x" group 3 snaplen 100 queue-threshold 4
log
quota over 3 mbytes drop
limit rate over 3 mbytes/second burst 9 kbytes drop
meta priority set 1:2
meta pkttype set host
meta nftrace set 1
meta random 0-100 drop
tcp dport set 5
ip dscp set cs1
ip6 dscp set cs1
ip ttl set 5
rt ip6 nexthop ::1 drop
ipsec in ip saddr 1.1.1.1 drop
ipsec out reqid 3 drop
sctp chunk data exists drop
dccp type request drop
vlan id 3 drop
ether saddr 00:11:22:33:44:55 drop
tcp flags & (syn|ack) == syn drop
tcp sport != 5-6 drop
tcp dport >= 1024 drop
ct original packets > 3 drop
ct avgpkt > 5 drop
ct direction original ct expiration > 3s drop
meta hour "08:00"-"17:00" drop
meta day { "Monday", "Friday" } drop
fib daddr type local accept
iif . oif { "lo" . "lo" } accept
reject with tcp reset
reject with icmpx admin-prohibited
dnat ip prefix to ip daddr map { 10.1.0.0/24 : 10.2.0.0/24 }
@th,16,16 set 5
@nh,0,8 5 drop
synproxy name "sp"
ct timeout set "to"
ct expectation set "exp"
continue
`

// around is a table for such a rule: %s.
const around = `
table inet snatctl {
	ct helper ftp1 { type "ftp" protocol tcp; l3proto ip; }
	synproxy sp { mss 1460; wscale 7; timestamp sack-perm }
	ct timeout to { protocol tcp; l3proto ip; policy = { established : 100, close : 4 }; }
	ct expectation exp { protocol tcp; dport 99; timeout 10s; size 5; l3proto ip; }
	set counts { type ipv4_addr; flags dynamic; size 100; }
	set dyn { type ipv4_addr; flags dynamic,timeout; timeout 5m; size 100; }
	set dyn2 { type ipv4_addr; flags dynamic,timeout; timeout 5m; size 100; counter; }
	chain mine {
		%s
	}
}
`

// Whatever a rule by hand does, it comes back.
func TestRestoreHandRules(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	restored := 0
	for rule := range strings.Lines(strings.TrimSpace(handRules)) {
		r, err := g.host.RunInput(t.Context(), strings.Replace(around, "%s", strings.TrimSpace(rule), 1), "nft", "-f", "-")
		if err != nil {
			t.Fatal(err)
		}
		if r.Code != 0 {
			t.Logf("this kernel or nft has no %s", rule)
			continue
		}
		before := stateful(g)
		s := snapshot(g)
		g.clear()
		if err := g.conn.Check(t.Context(), s); err != nil {
			t.Errorf("%s: Check: %v", rule, err)
		}
		if err := g.conn.Restore(t.Context(), s); err != nil {
			t.Errorf("%s: Restore: %v", rule, err)
		} else if after := stateful(g); after != before {
			t.Errorf("%s: Restore leaves\n%s\nwant\n%s", rule, after, before)
		}
		g.clear()
		restored++
	}
	if restored < 40 {
		t.Errorf("only %d rules were tried", restored)
	}
}

func snapshot(g *gateway) *nftlink.Snapshot {
	g.t.Helper()
	s, _, err := g.conn.Snapshot(g.t.Context(), "snatctl")
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

// Check changes nothing, and takes what Restore takes: a set that counts connections, too.
func TestCheck(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.apply(mustCompile(t, small))
	s := snapshot(g)
	g.stays(func() error { return g.conn.Check(t.Context(), s) })
	g.clear()
	g.stays(func() error { return g.conn.Check(t.Context(), s) })
	if err := g.conn.Check(t.Context(), s); err != nil {
		t.Errorf("Check says %v", err)
	}
	r, err := g.host.RunInput(t.Context(), strings.Replace(around, "%s", "add @counts { ip saddr ct count over 5 } drop", 1), "nft", "-f", "-")
	if err != nil || r.Code != 0 {
		t.Skipf("no connection limits here: %v %s", err, r.Stderr)
	}
	s = snapshot(g)
	if err := g.stays(func() error { return g.conn.Check(t.Context(), s) }); err != nil {
		t.Errorf("Check says %v", err)
	}
	before := g.output("list", "ruleset")
	if err := g.conn.Restore(t.Context(), s); err != nil {
		t.Errorf("Restore says %v", err)
	}
	if after := g.output("list", "ruleset"); after != before {
		t.Errorf("the ruleset was\n%s\nand is\n%s", before, after)
	}
}
