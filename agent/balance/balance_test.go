package balance

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/policy"
)

// servers makes servers with weights; health is a letter each: u(p), d(own), ?.
func servers(health string, weights ...int) (out []Server) {
	for i, w := range weights {
		s := server(i, w)
		switch health[i] {
		case 'u':
			s.Health = Up
		case 'd':
			s.Health = Down
		}
		out = append(out, s)
	}
	return out
}

// with gives one of the servers an override.
func with(list []Server, i int, o Override) []Server {
	list[i].Override = o
	return list
}

// TestBalance holds decisions that need no past, or one of a word.
func TestBalance(t *testing.T) {
	half, three := policy.Quorum{Percent: 50}, policy.Quorum{Count: 3}
	for _, c := range []struct {
		name    string
		service Service
		short   bool // it was below its quorum
		weights []int
		state   string // open, sorry, closed or panic
		up      int
		need    int
	}{
		{"all up", Service{Servers: servers("uuu", 1, 2, 0)}, false, []int{1, 2, 0}, "open", 2, 1},
		{"unknown is up", Service{Servers: servers("???", 1, 1, 1)}, false, []int{1, 1, 1}, "open", 3, 1},
		{"one down", Service{Servers: servers("udu", 4, 2, 6)}, false, []int{4, 0, 6}, "open", 2, 1},
		{"all down", Service{Servers: servers("dd", 1, 1)}, false, []int{0, 0}, "closed", 0, 1},
		{"all down, sorry", Service{Sorry: true, Servers: servers("dd", 1, 1)}, false, []int{0, 0}, "sorry", 0, 1},
		{"no servers", Service{}, false, []int{}, "closed", 0, 1},
		{"no servers but sorry", Service{Sorry: true}, false, []int{}, "sorry", 0, 1},
		{"all drained in the policy", Service{Servers: servers("uu", 0, 0)}, false, []int{0, 0}, "closed", 0, 1},

		{"quorum met", Service{Quorum: half, Servers: servers("uudd", 1, 1, 1, 1)}, false, []int{1, 1, 0, 0}, "open", 2, 2},
		{"quorum missed", Service{Quorum: half, Sorry: true, Servers: servers("uddd", 1, 1, 1, 1)}, false, []int{1, 0, 0, 0}, "sorry", 1, 2},
		{"quorum missed, nobody is sorry", Service{Quorum: half, Servers: servers("uddd", 1, 1, 1, 1)}, false, []int{1, 0, 0, 0}, "closed", 1, 2},
		{"a share of those with weight", Service{Quorum: half, Servers: servers("uudu", 1, 0, 1, 0)}, false, []int{1, 0, 0, 0}, "open", 1, 1},
		{"more than there are", Service{Quorum: three, Servers: servers("uu", 1, 1)}, false, []int{1, 1}, "closed", 2, 3},

		{"back needs more", Service{Quorum: half, Hysteresis: 1, Servers: servers("uudd", 1, 1, 1, 1)}, true, []int{1, 1, 0, 0}, "closed", 2, 2},
		{"back with more", Service{Quorum: half, Hysteresis: 1, Servers: servers("uuud", 1, 1, 1, 1)}, true, []int{1, 1, 1, 0}, "open", 3, 2},
		{"all are enough", Service{Quorum: half, Hysteresis: 9, Servers: servers("uuuu", 1, 1, 1, 1)}, true, []int{1, 1, 1, 1}, "open", 4, 2},
		{"all but the drained are enough", Service{Quorum: half, Hysteresis: 9, Servers: with(servers("uuuu", 1, 1, 1, 1), 3, Override{Kind: Drain})}, true, []int{1, 1, 1, 0}, "open", 3, 2},
		{"all that there are, and too few", Service{Quorum: three, Hysteresis: 9, Servers: servers("uu", 1, 1)}, true, []int{1, 1}, "closed", 2, 3},

		{"panic", Service{Panic: 50, Servers: servers("uddd", 1, 2, 3, 4)}, false, []int{1, 2, 3, 4}, "panic", 1, 1},
		{"no panic at the limit", Service{Panic: 50, Servers: servers("uudd", 1, 1, 1, 1)}, false, []int{1, 1, 0, 0}, "open", 2, 1},
		{"panic comes before the quorum", Service{Panic: 30, Quorum: half, Sorry: true, Servers: servers("uddd", 1, 1, 1, 1)}, true, []int{1, 1, 1, 1}, "panic", 1, 2},
		{"panic of none", Service{Panic: 1, Sorry: true, Servers: servers("dd", 1, 1)}, false, []int{1, 1}, "panic", 0, 1},
		{"panic leaves drained ones", Service{Panic: 90, Servers: servers("ddd", 1, 0, 1)}, false, []int{1, 0, 1}, "panic", 0, 1},
		{"panic leaves those taken down", Service{Panic: 50, Servers: with(servers("uddd", 1, 1, 1, 1), 3, Override{Kind: ForceDown})}, false, []int{1, 1, 1, 0}, "panic", 1, 1},
		{"taken down is no reason for panic", Service{Panic: 90, Servers: with(servers("uu", 1, 1), 1, Override{Kind: ForceDown})}, false, []int{1, 0}, "open", 1, 1},

		{"drained", Service{Servers: with(servers("uu", 1, 2), 0, Override{Kind: Drain})}, false, []int{0, 2}, "open", 1, 1},
		{"drained and down", Service{Servers: with(servers("du", 1, 2), 0, Override{Kind: Drain})}, false, []int{0, 2}, "open", 1, 1},
		{"drained below quorum", Service{Quorum: policy.Quorum{Count: 2}, Servers: with(servers("uu", 1, 2), 0, Override{Kind: Drain})}, false, []int{0, 2}, "closed", 1, 2},
		{"taken up", Service{Servers: with(servers("du", 1, 2), 0, Override{Kind: ForceUp})}, false, []int{1, 2}, "open", 2, 1},
		{"another weight", Service{Servers: with(servers("uu", 1, 2), 0, Override{Kind: SetWeight, Weight: 7})}, false, []int{7, 2}, "open", 2, 1},
		{"another weight of one that is down", Service{Servers: with(servers("du", 1, 2), 0, Override{Kind: SetWeight, Weight: 7})}, false, []int{0, 2}, "open", 1, 1},
		{"a weight for one that has none", Service{Quorum: half, Servers: with(servers("uu", 0, 2), 0, Override{Kind: SetWeight, Weight: 7})}, false, []int{7, 2}, "open", 2, 1},
		{"weight 0 by hand", Service{Servers: with(servers("uu", 1, 2), 0, Override{Kind: SetWeight})}, false, []int{0, 2}, "open", 1, 1},
		{"an override that is over", Service{Servers: with(servers("uu", 1, 2), 0, Override{Kind: Drain, Until: epoch})}, false, []int{1, 2}, "open", 2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, m := Balance(epoch, c.service, Memory{Short: c.short})
			state := "open"
			switch {
			case r.Panic:
				state = "panic"
			case r.Sorry:
				state = "sorry"
			case r.Closed:
				state = "closed"
			}
			if diff := cmp.Diff(c.weights, r.Weights); diff != "" || state != c.state || r.Up != c.up || r.Need != c.need || r.Met == m.Short {
				t.Errorf("it is %s with %v, %d of %d up, want %s with %v, %d of %d", state, r.Weights, r.Up, r.Need, c.state, c.weights, c.up, c.need)
			}
			if !r.Next.IsZero() {
				t.Errorf("it changes at %v by itself", r.Next)
			}
		})
	}
}

// TestOverrideEnds: an override that lasts for a while ends by itself, and the time is told.
func TestOverrideEnds(t *testing.T) {
	s := Service{Servers: with(servers("uu", 1, 1), 0, Override{Kind: Drain, Until: epoch.Add(time.Minute)})}
	r, _ := Balance(epoch, s, Memory{})
	if r.Weights[0] != 0 || r.Next != epoch.Add(time.Minute) {
		t.Errorf("drained it is %v", r)
	}
	if r, _ = Balance(r.Next, s, Memory{}); r.Weights[0] != 1 || !r.Next.IsZero() {
		t.Errorf("when it is over it is %v", r)
	}
}

// TestSlowStart walks through a slow start from change to change.
func TestSlowStart(t *testing.T) {
	s := Service{SlowStart: 90 * time.Second, Servers: servers("uuu", 1, 1, 0)}
	s.Servers[1].UpSince = epoch
	now, last, changes := epoch, 0.0, 0
	for {
		r, _ := Balance(now, s, Memory{})
		share := float64(r.Weights[1]) / float64(r.Weights[0])
		if share <= last || r.Weights[2] != 0 {
			t.Errorf("after %v the weights are %v", now.Sub(epoch), r.Weights)
		}
		last = share
		if r.Next.IsZero() {
			break
		}
		if changes++; r.Next.Sub(now) != 10*time.Second {
			t.Errorf("after %v it changes in %v", now.Sub(epoch), r.Next.Sub(now))
		}
		now = r.Next
	}
	if now != epoch.Add(90*time.Second) || last != 1 || changes != 9 {
		t.Errorf("after %v and %d changes the share is %v", now.Sub(epoch), changes, last)
	}
	r, _ := Balance(epoch, s, Memory{})
	if diff := cmp.Diff([]int{10, 1, 0}, r.Weights); diff != "" {
		t.Errorf("it begins with (-want +got)\n%s", diff)
	}
}

// TestSlowStartBounds holds what slow start leaves alone, and what it bears.
func TestSlowStartBounds(t *testing.T) {
	at := func(s Service, i int, since time.Time) []int {
		s.Servers[i].UpSince = since
		r, _ := Balance(epoch.Add(time.Second), s, Memory{})
		return r.Weights
	}
	for _, c := range []struct {
		name      string
		got, want []int
	}{
		{"never down", at(Service{SlowStart: time.Minute, Servers: servers("uu", 1, 1)}, 0, time.Time{}), []int{1, 1}},
		{"none", at(Service{Servers: servers("uu", 1, 1)}, 0, epoch), []int{1, 1}},
		{"over", at(Service{SlowStart: time.Second, Servers: servers("uu", 1, 1)}, 0, epoch), []int{1, 1}},
		{"a clock that was set back", at(Service{SlowStart: time.Minute, Servers: servers("uu", 1, 1)}, 0, epoch.Add(time.Hour)), []int{1, 1}},
		{"sh", at(Service{SlowStart: time.Minute, Scheduler: policy.SourceHash, Servers: servers("uu", 1, 1)}, 0, epoch), []int{1, 1}},
		{"alone", at(Service{SlowStart: time.Minute, Servers: servers("ud", 3, 1)}, 0, epoch), []int{1, 0}},
		{"few slots", at(Service{SlowStart: time.Minute, Servers: servers("uu", 500, 101)}, 0, epoch), []int{50, 101}},
		{"weights with a divisor", at(Service{SlowStart: time.Minute, Servers: servers("uu", 200, 100)}, 1, epoch), []int{20, 1}},
		{"down", at(Service{SlowStart: time.Minute, Servers: servers("du", 1, 1)}, 0, epoch), []int{0, 1}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
	}
	short := Service{SlowStart: 600 * time.Millisecond, Servers: servers("uu", 1, 1)}
	short.Servers[0].UpSince = epoch
	if r, _ := Balance(epoch, short, Memory{}); r.Weights[0]*2 != r.Weights[1] || r.Next != epoch.Add(600*time.Millisecond) {
		t.Errorf("a short one begins with %v until %v", r.Weights, r.Next)
	}
}

// TestFamilies: each family has its own slots, so what one needs does not change the other.
func TestFamilies(t *testing.T) {
	s := Service{SlowStart: time.Minute, Servers: servers("uuuu", 1, 1, 1, 1)}
	for i := 2; i < 4; i++ {
		s.Servers[i].Key = netip.AddrPortFrom(netip.MustParseAddr("fd05::1").Next(), uint16(i))
	}
	s.Servers[3].UpSince = epoch
	r, _ := Balance(epoch, s, Memory{})
	if diff := cmp.Diff([]int{1, 1, 10, 1}, r.Weights); diff != "" {
		t.Errorf("weights (-want +got)\n%s", diff)
	}
}

// TestOf takes what the policy says.
func TestOf(t *testing.T) {
	s := policy.DefaultService()
	s.RealServers = []policy.RealServer{{Addr: netip.MustParseAddr("192.168.1.1"), Port: 80, Weight: 3}}
	s.SorryServers, s.Hysteresis, s.Panic, s.SlowStart = s.RealServers, 2, 30, time.Minute
	want := Service{Scheduler: policy.RoundRobin, Quorum: policy.Quorum{Count: 1}, Hysteresis: 2, Panic: 30, SlowStart: time.Minute, Sorry: true,
		Servers: []Server{{Key: netip.MustParseAddrPort("192.168.1.1:80"), Weight: 3}}}
	if diff := cmp.Diff(want, Of(&s), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("service (-want +got)\n%s", diff)
	}
}
