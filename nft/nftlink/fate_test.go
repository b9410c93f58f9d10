package nftlink_test

import (
	"os/exec"
	"testing"

	"github.com/snatctl/snatctl/nft/nftlink"
)

// TestFate holds what is known of chains at forward, as Docker, ufw, firewalld and people
// leave them.
func TestFate(t *testing.T) {
	t.Parallel()
	const f = "type filter hook forward priority 0; "
	for _, c := range []struct {
		name, chains string
		want         nftlink.Fate
	}{
		{"a policy", "chain f { " + f + "policy drop; }", nftlink.Fate{Drops: true}},
		{"accepting", "chain f { " + f + "}", nftlink.Fate{}},
		{"accepting first", "chain f { " + f + "policy drop; counter accept; }", nftlink.Fate{}},
		{"a last rule", "chain f { " + f + "counter log drop; }", nftlink.Fate{Drops: true}},
		{"rejecting", "chain f { " + f + "reject; }", nftlink.Fate{Drops: true}},
		{"a condition", "chain f { " + f + "iifname wan0 drop; }", nftlink.Fate{}},
		{"established ones", "chain f { " + f + "policy drop; ct state established,related counter accept; }", nftlink.Fate{Drops: true}},
		{"new ones", "chain f { " + f + "policy drop; ct state established,new accept; }", nftlink.Fate{Drops: true, Passes: 1}},
		{"states of a map", "chain f { " + f + "policy drop; ct state vmap { established : accept }; }", nftlink.Fate{Drops: true, Passes: 1}},
		{"some", "chain f { " + f + "policy drop; tcp dport 80 accept; iifname lan0 accept; ip daddr 10.0.0.1 drop; }", nftlink.Fate{Drops: true, Passes: 2}},
		{"a jump that drops", "chain d { tcp dport 1 accept; drop; }; chain f { " + f + "jump d; }", nftlink.Fate{Drops: true, Passes: 1}},
		{"a jump that returns", "chain d { return; drop; }; chain f { " + f + "jump d; policy drop; }", nftlink.Fate{Drops: true}},
		{"a jump that accepts", "chain d { accept; }; chain f { " + f + "policy drop; jump d; }", nftlink.Fate{}},
		{"a jump on a condition", "chain d { accept; }; chain f { " + f + "policy drop; iifname lan0 jump d; }", nftlink.Fate{Drops: true, Passes: 1}},
		{"a goto", "chain d { tcp dport 1 drop; }; chain f { " + f + "goto d; drop; }", nftlink.Fate{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t)
			g.nft("table ip t { " + c.chains + "; }")
			g.fate(t, "f", c.want)
		})
	}
}

// TestFateOfIPTables is TestFate for rules that iptables writes.
func TestFateOfIPTables(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("iptables-nft"); err != nil {
		t.Skip("no iptables-nft")
	}
	for _, c := range []struct {
		name, script string
		want         nftlink.Fate
	}{
		{"policy", "iptables-nft -P FORWARD DROP", nftlink.Fate{Drops: true}},
		{"reject", "iptables-nft -A FORWARD -j REJECT --reject-with icmp-host-prohibited", nftlink.Fate{Drops: true}},
		{"Docker", "iptables-nft -P FORWARD DROP; iptables-nft -N DOCKER-USER; iptables-nft -A DOCKER-USER -j RETURN; iptables-nft -A FORWARD -j DOCKER-USER; iptables-nft -A FORWARD -i docker0 -j ACCEPT", nftlink.Fate{Drops: true, Passes: 1}},
		{"accepting", "iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -j ACCEPT", nftlink.Fate{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t)
			if out, err := g.host.Output(t.Context(), "sh", "-ec", c.script); err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			g.fate(t, "FORWARD", c.want)
		})
	}
}

// fate holds what a base chain does with new connections.
func (g *gateway) fate(t *testing.T, chain string, want nftlink.Fate) {
	t.Helper()
	all, err := g.conn.BaseChains(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		if b.Name == chain {
			if b.Fate != want {
				t.Errorf("fate is %+v, want %+v", b.Fate, want)
			}
			return
		}
	}
	t.Errorf("no chain %s in %+v", chain, all)
}
