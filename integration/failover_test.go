package integration

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// twoUplinks is a policy in which offices leave by isp1 first, and guests by isp2, each with laddrs
// of the uplink's own net, and the lab with one that is good everywhere.
const twoUplinks = `
version: 1
gateway:
  uplinks:
    isp1: {interface: wan0, gateway: [192.0.2.1, "2001:db8:2::1"], check: {type: icmp, targets: [8.8.8.1], interval: 500ms, timeout: 400ms, rise: 3, fall: 2}}
    isp2: {interface: wan1, gateway: [198.18.1.1, "2001:db8:3::1"], check: {type: tcp, targets: ["9.9.9.1:80"], interval: 500ms, timeout: 400ms, rise: 3, fall: 2}}
laddrs:
  own: 203.0.113.1
zones:
  - {name: office, from: 10.1.0.0/16, uplink: [isp1, isp2], laddrs: {isp1: 192.0.2.10, isp2: 198.18.1.10}}
  - {name: office6, from: fd01::/64, uplink: [isp1, isp2], action: masquerade}
  - {name: guests, from: 10.2.0.0/16, uplink: [isp2, isp1], laddrs: {isp1: 192.0.2.10, isp2: 198.18.1.10}}
  - {name: lab, from: 10.66.0.0/16, uplink: [isp1, isp2], laddrs: own}
`

func startFailover(t *testing.T) *twoWays {
	t.Helper()
	f := startTwoWays(t, twoUplinks)
	must(t, f.World.Outside.ServeUDP("8.8.8.8:53"))
	must(t, f.World.Outside.ServeUDP("[2001:db8:8::8]:53"))
	return f
}

// new returns the address that a new connection of a client has outside.
func (w *twoWays) new(t testing.TB, client *nstest.Host) string {
	t.Helper()
	return call(t, client, "tcp 8.8.8.8:80").Peer.Addr().String()
}

// voice is a UDP flow that never pauses, as a call or a tunnel is.
type voice struct{ net.Conn }

func startVoice(t testing.TB, client *nstest.Host, to string) *voice {
	t.Helper()
	c, err := client.Dial("udp", "", to)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	v := &voice{c}
	v.from(t, "")
	return v
}

// from speaks until it is heard outside as of an address, and returns how long that took; "": of any.
func (v *voice) from(t testing.TB, want string) time.Duration {
	t.Helper()
	var heard string
	for start := time.Now(); time.Since(start) < 20*time.Second; {
		a, err := nstest.AskWithin(50*time.Millisecond, v.Conn)
		if err != nil {
			continue
		}
		if heard = a.Peer.Addr().String(); want == "" || heard == want {
			return time.Since(start)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("it is heard of %q, not of %s", heard, want)
	return 0
}

// An uplink dies, in both ways: new connections and UDP flows that go on leave by the other one, TCP streams
// with an address that is good there go on, and flows of the living uplink notice nothing. It comes back only
// after it has answered for a while, and what moved stays where it is.
func TestFailover(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"link down", "nothing behind it answers"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			f := startFailover(t)
			ctx := t.Context()
			die, rise := f.Mute, f.Unmute
			if way == "link down" {
				die, rise = f.Cut, f.Splice
			}
			guests, err := f.Guests.OpenStream("", "9.9.9.9:80")
			must(t, err)
			defer guests.Close()
			lab, err := f.Lab.OpenStream("", "8.8.8.8:80")
			must(t, err)
			defer lab.Close()
			office, err := f.Office.OpenStream("", "8.8.8.8:80")
			must(t, err)
			defer office.Close()
			for got, want := range map[string]string{guests.Answer.Peer.Addr().String(): "198.18.1.10", lab.Answer.Peer.Addr().String(): "203.0.113.1", office.Answer.Peer.Addr().String(): "192.0.2.10"} {
				if got != want {
					t.Fatalf("a stream leaves as %s, want %s", got, want)
				}
			}
			call, call6 := startVoice(t, f.Office, "8.8.8.8:53"), startVoice(t, f.Office, "[2001:db8:8::8]:53")
			call.from(t, "192.0.2.10")
			call6.from(t, "2001:db8:2::2")

			must(t, die(ctx, 0))
			must(t, f.Announce(ctx, 1)) // as a protocol between routers would, by and by
			took := call.from(t, "198.18.1.10")
			took6 := call6.from(t, "2001:db8:3::2")
			t.Logf("%s: a UDP flow goes on after %v, one of IPv6 after %v", way, took.Round(time.Millisecond), took6.Round(time.Millisecond))
			if got := f.new(t, f.Office); got != "198.18.1.10" {
				t.Errorf("new connections leave as %s", got)
			}
			u := f.status(t, "isp1")
			if u.State != "down" || u.Since == nil || u.Error == nil || u.LastCheck == nil {
				t.Errorf("status says %+v", u)
			}
			if check := ctl(t, f.Gateway, "status", "--check"); check.Code == 0 || !strings.Contains(check.Stdout, "uplink isp1") {
				t.Errorf("status --check: %d %s", check.Code, check.Stdout)
			}
			must(t, guests.Alive())
			eventually(t, "the lab's stream to go on", func() bool { return lab.Alive() == nil || lab.Err() != nil })
			must(t, lab.Err())

			time.Sleep(time.Second) // within which it has written down what the next agent has to know
			f.agent.kill()          // the next one knows that isp1 was down
			f.agent.start(t)
			if got := f.new(t, f.Office); got != "198.18.1.10" {
				t.Errorf("with another agent new connections leave as %s", got)
			}

			back := time.Now()
			must(t, rise(ctx, 0))
			f.await(t, "isp1", "up")
			if early := time.Since(back); early < 800*time.Millisecond { // three checks in a row, one each 500 ms
				t.Errorf("it is up again after %v", early)
			}
			if got := f.new(t, f.Office); got != "192.0.2.10" {
				t.Errorf("after its return new connections leave as %s", got)
			}
			call.from(t, "198.18.1.10")
			must(t, guests.Alive())
			must(t, lab.Alive())
			if down := f.agent.logged("uplink_down"); len(down) != 1 || !strings.Contains(down[0], "uplink=isp1") {
				t.Errorf("the log says %q", down)
			}
			if f.agent.snapshot(t).Drift.Found > 0 && way != "link down" {
				t.Errorf("it takes its own changes for drift:\n%s", strings.Join(f.agent.logged("drift_found"), ""))
			}
			must(t, guests.Err())
		})
	}
}
