package health

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestRecord walks through results: . passes, x fails, o says nothing. The states after each
// are u (unknown), U (up) and D (down).
func TestRecord(t *testing.T) {
	for _, c := range []struct {
		name       string
		start      State
		rise, fall int
		results    string
		states     string
	}{
		{"unknown until rise", Unknown, 2, 3, "..", "uU"},
		{"unknown until fall", Unknown, 2, 3, "xxx", "uuD"},
		{"unknown flaps", Unknown, 2, 2, ".x.x.x", "uuuuuu"},
		{"up needs fall failures in a row", Up, 2, 3, "xx.xx.xxx", "UUUUUUUUD"},
		{"down needs rise passes in a row", Down, 3, 1, "..x..x...", "DDDDDDDDU"},
		{"one is enough", Unknown, 1, 1, ".x.x", "UDUD"},
		{"known down stays down", Down, 2, 3, "xxxx", "DDDD"},
		{"known down comes back", Down, 2, 3, "x..", "DDU"},
		{"faults of this machine count for neither", Up, 2, 3, "xxooox", "UUUUUD"},
		{"and break no row of passes", Down, 2, 3, ".o.", "DDU"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(1000, 0)
			r := record{health: Health{State: c.start}, since: now}
			was, since := c.start, now
			var got strings.Builder
			for i, what := range c.results {
				now = now.Add(time.Second)
				res := result{}
				if what != '.' {
					res = result{problem: "refused", local: what == 'o'}
				}
				v, changed := r.add(now, res, c.rise, c.fall)
				if changed != (r.health.State != was) {
					t.Errorf("result %d: changed is %t, states are %s, %s", i, changed, was, r.health.State)
				}
				if changed {
					if want := (Verdict{State: r.health.State, Since: now, Reason: res.problem, Was: was, WasFor: now.Sub(since)}); v != want {
						t.Errorf("result %d: verdict is %+v, want %+v", i, v, want)
					}
					if r.health.LastChange != now {
						t.Errorf("result %d: last change is %s, want %s", i, r.health.LastChange, now)
					}
					was, since = r.health.State, now
				}
				if r.health.LastCheck != now || r.health.Error != res.problem {
					t.Errorf("result %d: health is %+v", i, r.health)
				}
				got.WriteByte("uUD"[r.health.State])
			}
			if got.String() != c.states {
				t.Errorf("states are %s, want %s", got.String(), c.states)
			}
			if want := uint64(strings.Count(c.results, "x")); r.health.Failures != want {
				t.Errorf("%d failures, want %d", r.health.Failures, want)
			}
		})
	}
}

// TestRestart changes the check of a target in the middle of a row.
func TestRestart(t *testing.T) {
	r := record{health: Health{State: Up}}
	bad := judge(errors.New("x"), &Check{})
	r.add(time.Now(), bad, 1, 2)
	r.restart()
	if _, changed := r.add(time.Now(), bad, 1, 2); changed {
		t.Error("failures of two checks add up")
	}
	if _, changed := r.add(time.Now(), bad, 1, 2); !changed || r.health.State != Down {
		t.Error("two failures of one check don't make the server down")
	}
}
