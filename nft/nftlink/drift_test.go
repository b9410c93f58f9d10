package nftlink_test

import (
	"testing"

	"github.com/snatctl/snatctl/nft"
)

// drift is something that somebody does to the table by hand.
type drift struct {
	name, script string
	whole        nft.Whole // what the plan does to the table that takes it back
}

func drifts() []drift {
	return []drift{
		{"element added", "add element inet snatctl zones4 { 10.9.0.0/24 : 198.51.100.77/32 }", nft.Keep},
		{"element deleted", "delete element inet snatctl zones4 { 10.1.0.0/16 }", nft.Keep},
		{"element with other data", "delete element inet snatctl turns4 { 203.0.113.10 . tcp . 80 . 0 }; add element inet snatctl turns4 { 203.0.113.10 . tcp . 80 . 0 : 192.168.1.99 . 80 }", nft.Keep},
		{"element with another verdict", "delete element inet snatctl services4 { 203.0.113.10 . tcp . 80 }; add element inet snatctl services4 { 203.0.113.10 . tcp . 80 comment \"web\" : drop }", nft.Keep},
		{"element with a foreign verdict", "delete element inet snatctl services4 { 203.0.113.10 . tcp . 80 }; add element inet snatctl services4 { 203.0.113.10 . tcp . 80 comment \"web\" : continue }", nft.Keep},
		{"element with another comment", "delete element inet snatctl zones4 { 10.1.0.0/16 }; add element inet snatctl zones4 { 10.1.0.0/16 comment \"mine\" : 198.51.100.16/30 }", nft.Keep},
		{"range cut short", "delete element inet snatctl zones4 { 10.1.0.0/16 }; add element inet snatctl zones4 { 10.1.0.0/17 comment \"office\" : 198.51.100.16/30 }", nft.Keep},
		{"range of ports cut short", "flush map inet snatctl services4/range; add element inet snatctl services4/range { 203.0.113.10 . udp . 50-52 comment \"dns\" : drop }", nft.Keep},
		{"catch-all element", "add element inet snatctl services4 { * : drop }", nft.Keep},
		{"catch-all element of ranges", "add element inet snatctl services4/range { * : drop }", nft.Keep},
		{"map flushed", "flush map inet snatctl services4", nft.Keep},
		{"rule added", "add rule inet snatctl zones ip saddr 10.9.9.9 drop", nft.Keep},
		{"rule inserted", "insert rule inet snatctl postrouting accept", nft.Keep},
		{"rule deleted", "flush chain inet snatctl zones", nft.Keep},
		{"rule with a comment", "flush chain inet snatctl output; add rule inet snatctl output jump services comment \"mine\"", nft.Keep},
		{"rule twice", "add rule inet snatctl output jump services", nft.Keep},
		{"rule with an anonymous set", "add rule inet snatctl zones ip saddr { 10.9.9.9, 10.9.9.10 } drop", nft.Keep},
		{"rule with an anonymous map", "add rule inet snatctl zones snat ip to ip saddr map { 10.9.9.9 : 10.9.9.8 }", nft.Keep},
		{"rule with other protocols", "flush chain inet snatctl fullnat; add rule inet snatctl fullnat meta l4proto { tcp, udp } snat ip to ct original ip daddr . meta l4proto . ct original proto-dst map @laddrs4/range persistent", nft.Keep},
		{"rule with an anonymous chain", "add rule inet snatctl zones ip saddr 10.9.9.9 jump { counter; drop; }", nft.Keep},
		{"chain added", "add chain inet snatctl mine; add rule inet snatctl mine drop", nft.Keep},
		{"chain added and used", "add chain inet snatctl mine; add rule inet snatctl mine drop; add rule inet snatctl zones ip saddr 10.9.9.9 jump mine", nft.Keep},
		{"chain used by an element", "add chain inet snatctl mine; add element inet snatctl services4 { 203.0.113.99 . tcp . 80 : goto mine }", nft.Keep},
		{"base chain added", "add chain inet snatctl mine { type filter hook input priority 5; policy drop; }", nft.Keep},
		{"base chain of a device added", "add chain inet snatctl mine { type filter hook ingress device lo priority 5; }", nft.Keep},
		{"chain's policy changed", "add chain inet snatctl output { type nat hook output priority -100; policy drop; }", nft.Replace},
		{"set added", "add set inet snatctl mine { type ipv4_addr; elements = { 10.9.9.9 }; }", nft.Keep},
		{"set added and used", "add set inet snatctl mine { type ipv4_addr; }; add rule inet snatctl zones ip saddr @mine drop", nft.Keep},
		{"dynamic set added", "add set inet snatctl mine { type ipv4_addr; flags dynamic,timeout; timeout 1h; size 100; }; add element inet snatctl mine { 10.9.9.9 timeout 1m }", nft.Keep},
		{"set of another type added", "add set inet snatctl mine { type ether_addr . mark; }", nft.Keep},
		{"map added", "add map inet snatctl mine { type ipv4_addr : verdict; elements = { 10.9.9.9 : goto zones }; }", nft.Keep},
		{"map of marks added", "add map inet snatctl mine { type ipv4_addr : mark; elements = { 10.9.9.9 : 7 }; }", nft.Keep},
		{"interval map added", "add map inet snatctl mine { type ipv4_addr . inet_service : ipv4_addr; flags interval; elements = { 10.9.9.0/24 . 80-89 : 10.9.9.8 }; }", nft.Keep},
		{"counter added", "add counter inet snatctl mine", nft.Keep},
		{"counter added and used", "add counter inet snatctl mine; add rule inet snatctl zones counter name mine", nft.Keep},
		{"limit with a comment added", "add limit inet snatctl mine { rate 1/second ; comment \"mine\" ; }", nft.Keep},
		{"timeouts added and used", "add ct timeout inet snatctl mine { protocol udp; l3proto ip; policy = { unreplied : 9 } ; }; add rule inet snatctl zones ct timeout set \"mine\"", nft.Keep},
		{"helper added", "add ct helper inet snatctl mine { type \"ftp\" protocol tcp; }", nft.Keep},
		{"SYN proxy added", "add synproxy inet snatctl mine mss 1460 wscale 7", nft.Keep},
		{"quota added", "add quota inet snatctl mine { over 10 mbytes }", nft.Replace},
		{"map of objects added", "add counter inet snatctl c; add map inet snatctl mine { type ipv4_addr : counter; elements = { 10.9.9.9 : \"c\" }; }", nft.Keep},
		{"map of objects added and used", "add counter inet snatctl c; add map inet snatctl mine { type ipv4_addr : counter; elements = { 10.9.9.9 : \"c\" }; }; add rule inet snatctl zones counter name ip saddr map @mine", nft.Keep},
		{"map of other objects added", "add quota inet snatctl q { over 10 mbytes }; add map inet snatctl mine { type ipv4_addr : quota; elements = { 10.9.9.9 : \"q\" }; }", nft.Replace},
		{"table dormant", "add table inet snatctl { flags dormant; }", nft.Wake},
		{"table flushed", "flush table inet snatctl", nft.Keep},
		{"table deleted", "delete table inet snatctl", nft.Create},
		{"table made anew and empty", "delete table inet snatctl; add table inet snatctl", nft.Replace},
		{"map with other flags", "delete table inet snatctl; add table inet snatctl { comment \"made by snatctl, layout 1: change the policy, not this table\"; map zones4 { type ipv4_addr : ipv4_addr; flags timeout; }; }", nft.Replace},
		{"map with a size", "delete table inet snatctl; add table inet snatctl { comment \"made by snatctl, layout 1: change the policy, not this table\"; map zones4 { type ipv4_addr : interval ipv4_addr; flags interval; size 1000; counter; }; }", nft.Replace},
		{"map with the name of a chain of ours", "add map inet snatctl refuse { type ipv4_addr : ipv4_addr; }", nft.Keep},
	}
}

// Whatever somebody does to the table by hand shows in Diff, and Apply takes it back.
func TestDrift(t *testing.T) {
	t.Parallel()
	for _, c := range drifts() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			want := mustCompile(t, small)
			g.apply(want)
			clean := blocks(g.list("snatctl"))
			g.nft(c.script)
			live, _ := g.read("snatctl")
			plan := diff(live, want)
			if plan.Empty() {
				t.Fatalf("Diff sees no difference after %s:\n%s", c.script, g.output("list", "ruleset"))
			}
			if plan.Whole != c.whole {
				t.Errorf("the plan is %d (%s), want %d", plan.Whole, plan.Reason, c.whole)
			}
			_ = formatted(plan)
			g.apply(want)
			g.holds(want)
			if after := blocks(g.list("snatctl")); after != clean {
				t.Errorf("Apply leaves\n%s\nwant\n%s", after, clean)
			}
		})
	}
}
