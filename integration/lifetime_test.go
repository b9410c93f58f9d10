package integration

import (
	"context"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// Quarantine refuses the first packet of new connections. What lives stays: an
// established stream, and a UDP flow that nobody has ever answered (which conntrack
// still calls new).
func TestQuarantineKeepsFlows(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"drop", "reject"} {
		t.Run(action, func(t *testing.T) {
			s := startSite(t, "")
			sink, err := s.Outside.SinkUDP("8.8.8.8:9000")
			must(t, err)
			sink6, err := s.Outside.SinkUDP("[2001:db8:8::8]:9000")
			must(t, err)
			s.start(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: guests, from: [10.2.0.0/16, "fd02::/64"], laddrs: [198.51.100.1, "2001:db8:99::1"]}
`)
			stream, err := s.Guests.OpenStream("", "8.8.8.8:53")
			must(t, err)
			must(t, stream.Alive())
			oneWay, err := s.Guests.Dial("udp", "", "8.8.8.8:9000")
			must(t, err)
			defer oneWay.Close()
			oneWay6, err := s.Guests.Dial("udp", "", "[2001:db8:8::8]:9000")
			must(t, err)
			defer oneWay6.Close()
			oneWay.Write([]byte("before"))
			oneWay6.Write([]byte("before"))
			wantReceived(t, sink, 1)
			wantReceived(t, sink6, 1)

			// The guests keep their zone too: the laddr stays one of the policy's.
			apply(t, s.Gateway, `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: quarantine, from: [10.2.5.0/24, "fd02::9"], action: `+action+`}
  - {name: guests, from: [10.2.0.0/16, "fd02::/64"], laddrs: [198.51.100.1, "2001:db8:99::1"]}
`)
			refused := map[string]string{"drop": "silent", "reject": "refused"}[action]
			s.check(t,
				packet{s.Guests, "tcp 8.8.8.8:53", refused},
				packet{s.Guests, "udp 8.8.8.8:53", refused},
				packet{s.Guests, "tcp [2001:db8:8::8]:53", refused},
				packet{s.Guests, "udp 10.2.200.1 > 8.8.8.8:53", "outside sees 198.51.100.1"},
			)
			if err := stream.Alive(); err != nil {
				t.Errorf("the stream of a source now in quarantine: %v", err)
			}
			for range 3 {
				if _, err := oneWay.Write([]byte("after")); err != nil {
					t.Errorf("one-way UDP: %v", err)
				}
				if _, err := oneWay6.Write([]byte("after")); err != nil {
					t.Errorf("one-way UDP over IPv6: %v", err)
				}
			}
			wantReceived(t, sink, 4)
			wantReceived(t, sink6, 4)
			must(t, stream.Close())
		})
	}
}

func wantReceived(t *testing.T, s *nstest.Sink, n int) {
	t.Helper()
	for deadline := time.Now().Add(nstest.Patience); s.Received() < n && time.Now().Before(deadline); {
		time.Sleep(2 * time.Millisecond)
	}
	if got := s.Received(); got != n {
		t.Errorf("%d datagrams of the one-way flow arrived, want %d", got, n)
	}
}

// A real server of weight 0 drains: its flows stay, new ones go elsewhere.
func TestDrain(t *testing.T) {
	policy := func(weight string) string {
		return `
version: 1
services:
  - name: web
    vip: 203.0.113.1
    ports: tcp/80
    mode: nat
    real_servers: [{address: 192.168.1.1, weight: ` + weight + `}, 192.168.1.2]
`
	}
	s := startSite(t, policy("1"))
	byHost := map[string]*nstest.Stream{}
	for range 2 {
		st, err := s.Office.OpenStream("", "203.0.113.1:80")
		must(t, err)
		byHost[st.Answer.Host] = st
	}
	if len(byHost) != 2 {
		t.Fatalf("two connections went to %v", byHost)
	}
	apply(t, s.Gateway, policy("0"))
	for range 6 {
		s.check(t, packet{s.Office, "tcp 203.0.113.1:80", "rs2 sees 10.1.5.9"})
	}
	for host, st := range byHost {
		if err := st.Alive(); err != nil {
			t.Errorf("the stream to %s: %v", host, err)
		}
		must(t, st.Close())
	}
}

// flush takes the table away and nothing else, and is content if there is none.
func TestFlush(t *testing.T) {
	s := startSite(t, "")
	output(t, s.Gateway, "nft", "flush", "ruleset")
	const foreign = `
table inet other { chain forward { type filter hook forward priority 10; policy accept; tcp dport 25 counter drop comment "mine"; }; }
table ip snatctl { set names { type ipv4_addr; elements = { 10.9.9.9 }; }; }
`
	nft(t, s.Gateway, foreign)
	before := output(t, s.Gateway, "nft", "list", "ruleset")
	for range 2 {
		apply(t, s.Gateway, "version: 1\nservices:\n  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: 192.168.1.1}\n")
		s.check(t, packet{s.Office, "tcp 203.0.113.1:80", "rs1 sees 10.1.5.9"})
		all := output(t, s.Gateway, "nft", "list", "ruleset")
		ours := output(t, s.Gateway, "nft", "list", "table", "inet", "snatctl")
		if all != before+ours && all != ours+before {
			t.Errorf("apply changed foreign tables:\n%s\nwant beside its own:\n%s", all, before)
		}
		for range 2 {
			if r := ctl(t, s.Gateway, "flush"); r.Code != 0 {
				t.Fatalf("flush exits %d: %s", r.Code, r.Stderr)
			}
			if after := output(t, s.Gateway, "nft", "list", "ruleset"); after != before {
				t.Errorf("flush left:\n%s\nwant:\n%s", after, before)
			}
		}
	}
	if flows, err := s.Gateway.Flows(context.Background()); err != nil || len(flows) == 0 {
		t.Errorf("after flush conntrack has %v, %v: flush removes the table and nothing else", flows, err)
	}
}
