package nstest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// rules is by hand what the tests of package integration let snatctl compile.
const rules = `
table inet byhand {
	chain prerouting {
		type nat hook prerouting priority dstnat
		ip daddr 203.0.113.10 tcp dport 80 dnat ip to 192.168.1.1:8080
		ip daddr 203.0.113.10 meta l4proto sctp dnat ip to 192.168.1.2
		ip6 daddr 2001:db8::10 udp dport 53 dnat ip6 to fd05::2
	}
	chain postrouting {
		type nat hook postrouting priority srcnat
		oifname "wan*" ip saddr 10.1.0.0/16 snat ip to 198.51.100.1
		oifname "wan*" ip6 saddr fd01::/64 snat ip6 to 2001:db8:99::1
		oifname "dc0" udp dport 53 snat ip6 to fd06::fa
	}
	chain forward {
		type filter hook forward priority filter
		ip saddr 10.66.0.0/16 tcp dport 80 reject with tcp reset
		ip saddr 10.66.0.0/16 tcp dport 81 drop
		ip saddr 10.66.0.0/16 udp dport 80 reject
	}
}
`

func TestWorld(t *testing.T) {
	ctx := context.Background()
	start := time.Now()
	w := New(t, Options{})
	t.Logf("created in %s", time.Since(start))
	if r, err := w.Gateway.RunInput(ctx, rules, "nft", "-f", "-"); err != nil || r.Code != 0 {
		t.Fatalf("nft: %v, %s", err, r.Stderr)
	}
	for _, addr := range []string{"8.8.8.8:53", "9.9.9.9:53", "[2001:db8:8::8]:53", "[2001:db8:9::9]:53"} {
		must(t, w.Outside.ServeUDP(addr))
		must(t, w.Outside.ServeTCP(addr))
	}
	for _, rs := range w.RS {
		must(t, rs.ServeTCP(":8080"))
		must(t, rs.ServeUDP(":53"))
	}

	for _, c := range []struct {
		from    *Host
		network string
		laddr   string
		to      string
		host    string
		peer    string
		err     error
	}{
		{from: w.Guests, network: "tcp", to: "8.8.8.8:53", host: "outside", peer: "10.2.5.9"},
		{from: w.Guests, network: "udp", laddr: "10.2.200.7", to: "9.9.9.9:53", host: "outside", peer: "10.2.200.7"},
		{from: w.Guests, network: "tcp", laddr: "fd02::8000:0:0:7", to: "[2001:db8:9::9]:53", host: "outside", peer: "fd02::8000:0:0:7"},
		{from: w.Office, network: "tcp", to: "8.8.8.8:53", host: "outside", peer: "198.51.100.1"},
		{from: w.Office, network: "udp", laddr: "10.1.255.1:4000", to: "9.9.9.9:53", host: "outside", peer: "198.51.100.1"},
		{from: w.Office, network: "udp", to: "[2001:db8:9::9]:53", host: "outside", peer: "2001:db8:99::1"},
		{from: w.Guests, network: "tcp", to: "203.0.113.10:80", host: "rs1", peer: "10.2.5.9"},
		{from: w.Outside, network: "tcp", laddr: "8.8.8.77", to: "203.0.113.10:80", host: "rs1", peer: "8.8.8.77"},
		{from: w.Guests, network: "udp", to: "[2001:db8::10]:53", host: "rs2", peer: "fd06::fa"},
		{from: w.Lab, network: "tcp", to: "8.8.8.8:80", err: ErrRefused},
		{from: w.Lab, network: "udp", to: "8.8.8.8:80", err: ErrRefused},
		{from: w.Lab, network: "tcp", to: "8.8.8.8:81", err: ErrSilent},
	} {
		t.Run(fmt.Sprintf("%s %s %s", c.from.Name, c.network, c.to), func(t *testing.T) {
			limit := Patience
			if c.err == ErrSilent {
				limit = Silence
			}
			var a Answer
			conn, err := c.from.DialWithin(limit, c.network, c.laddr, c.to)
			if err == nil {
				a, err = AskWithin(limit, conn)
				conn.Close()
			}
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err == nil && (a.Host != c.host || a.Peer.Addr().String() != c.peer) {
				t.Errorf("%s answered and saw %s, want %s to see %s", a.Host, a.Peer, c.host, c.peer)
			}
		})
	}

	t.Run("ping", func(t *testing.T) {
		must(t, w.Office.Ping(ctx, "", "8.8.8.8"))
		must(t, w.Office.Ping(ctx, "10.1.200.9", "9.9.9.9"))
		must(t, w.Office.Ping(ctx, "", "2001:db8:9::9"))
	})
	t.Run("ICMP errors", func(t *testing.T) {
		for _, c := range []struct {
			to   string
			ttl  int
			want ICMPError
		}{
			{"8.8.8.8:99", 9, ICMPError{netip.MustParseAddr("8.8.8.8"), Unreachable4, 3}},
			{"8.1.0.1:99", 2, ICMPError{netip.MustParseAddr("192.0.2.1"), TimeExceeded4, 0}},
			{"8.1.0.1:99", 1, ICMPError{netip.MustParseAddr("10.1.0.1"), TimeExceeded4, 0}},
			{"[2001:db8:8::8]:99", 9, ICMPError{netip.MustParseAddr("2001:db8:8::8"), Unreachable6, 4}},
			{"[2001:db8:81::8]:99", 2, ICMPError{netip.MustParseAddr("2001:db8:2::1"), TimeExceeded6, 0}},
		} {
			if got, err := w.Office.Probe("", c.to, c.ttl); err != nil || got != c.want {
				t.Errorf("%s with TTL %d draws %v, %v, want %v", c.to, c.ttl, got, err, c.want)
			}
		}
	})
	t.Run("SCTP", func(t *testing.T) {
		s, err := w.RS[1].SniffSCTP()
		must(t, err)
		must(t, w.Guests.SendSCTP(7000, netip.MustParseAddrPort("203.0.113.10:3868")))
		got, err := s.Next()
		if want := "10.2.5.9:7000 > 192.168.1.2:3868"; err != nil || got.String() != want {
			t.Errorf("rs2 got %v, %v, want %s", got, err, want)
		}
	})
	t.Run("stream and conntrack", func(t *testing.T) {
		s, err := w.Guests.OpenStream("", "203.0.113.10:80")
		must(t, err)
		must(t, s.Alive())
		flows, err := w.Gateway.Flows(ctx)
		must(t, err)
		found := false
		for _, f := range flows {
			if f.Proto == "tcp" && f.State == "ESTABLISHED" && f.Orig.Src == s.Answer.Peer {
				found = f.DNAT() && !f.SNAT() && f.Reply.Src == netip.MustParseAddrPort("192.168.1.1:8080")
			}
		}
		if !found {
			t.Errorf("the stream's entry is not among %v", flows)
		}
		must(t, s.Close())
	})
	t.Run("broken stream", func(t *testing.T) {
		s, err := w.Guests.OpenStream("", "203.0.113.10:80")
		must(t, err)
		_, err = w.Gateway.Output(ctx, "nft", "insert rule inet byhand forward tcp dport 8080 reject with tcp reset")
		must(t, err)
		if s.Alive() == nil {
			t.Error("a stream that was reset counts as alive")
		}
		s.Close()
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A speaker is heard on both of its outputs, in order, and each line once; then it is stopped with its
// children, or ends by itself.
func TestSpeaker(t *testing.T) {
	h := NewHost(t, "speaker")
	s, err := h.Speak("sh", "-c", "echo a first word; echo another first word >&2; sleep 100 & wait")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	for range 2 {
		if _, err := s.Hear(t.Context(), Patience, "first", "word"); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Hear(t.Context(), 10*time.Millisecond, "first"); err == nil || !strings.Contains(err.Error(), `sh did not say ["first"] within 10ms`) {
		t.Errorf("a third word: %v", err)
	}
	s, err = h.Speak("sh", "-c", "trap 'echo well; exit 0' TERM; echo ready; while :; do sleep 0.01; done")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Hear(t.Context(), Patience, "ready"); err != nil {
		s.Stop()
		t.Fatal(err)
	}
	if err := s.End(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	if _, err := s.Hear(t.Context(), Patience, "more"); err == nil || !strings.Contains(err.Error(), "sh ended without saying") {
		t.Errorf("when it has ended: %v", err)
	}
}
