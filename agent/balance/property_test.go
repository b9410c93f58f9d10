package balance

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/snatctl/snatctl/policy"
)

// TestProperties walks at random through verdicts, overrides and time, and holds after every
// step what must be true whatever happened.
func TestProperties(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := randomService(r)
		now, m, was := epoch, Memory{}, Result{Met: true}
		for range 60 {
			step(r, &s, now)
			before, listed := m, slices.Clone(s.Servers)
			before.Least = maps.Clone(m.Least)
			got, next := Balance(now, s, m)
			again, _ := Balance(now, s, m)
			if !reflect.DeepEqual(got, again) || !reflect.DeepEqual(before, m) || !slices.Equal(listed, s.Servers) {
				t.Fatalf("seed %d: equal input gives other output, or is changed", seed)
			}
			var stored Memory
			if text, err := json.Marshal(next); err != nil || json.Unmarshal(text, &stored) != nil || !reflect.DeepEqual(stored.Least, next.Least) && len(next.Least) > 0 {
				t.Fatalf("seed %d: the memory cannot be stored: %v", seed, err)
			}
			if what := wrong(now, s, got, was, next); what != "" {
				t.Fatalf("seed %d: %s\n%+v\n%+v", seed, what, s, got)
			}
			if between := now.Add(got.Next.Sub(now) / 2); !got.Next.IsZero() && !s.Scheduler.ByFlows() {
				if then, _ := Balance(between, s, next); !slices.Equal(then.Weights, got.Weights) || then.Next != got.Next {
					t.Fatalf("seed %d: it was to change at %v, and does at %v", seed, got.Next, between)
				}
			}
			was, m = got, next
			if now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond); !got.Next.IsZero() && r.IntN(2) == 0 {
				now = got.Next
			}
		}
	}
}

func randomService(r *rand.Rand) Service {
	s := Service{Scheduler: []policy.Scheduler{policy.RoundRobin, policy.WeightedRoundRobin, policy.LeastConn, policy.WeightedLeastConn, policy.SourceHash}[r.IntN(5)],
		Quorum: []policy.Quorum{{}, {Count: 1 + r.IntN(4)}, {Percent: 1 + r.IntN(100)}}[r.IntN(3)], Hysteresis: r.IntN(3),
		Panic: []int{0, 30, 60}[r.IntN(3)], SlowStart: time.Duration(r.IntN(3)*r.IntN(10)) * time.Second, Sorry: r.IntN(2) == 0}
	for i := range r.IntN(7) {
		s.Servers = append(s.Servers, server(i, r.IntN(4)*(1+r.IntN(300))))
	}
	return s
}

// step changes something.
func step(r *rand.Rand, s *Service, now time.Time) {
	if len(s.Servers) == 0 {
		return
	}
	v := &s.Servers[r.IntN(len(s.Servers))]
	switch r.IntN(6) {
	case 0, 1:
		was := v.Health
		if v.Health = Health(r.IntN(3)); v.Health == Up && was == Down {
			v.UpSince = now
		}
	case 2:
		v.Override = Override{Kind: []Kind{"", Drain, ForceDown, ForceUp, SetWeight}[r.IntN(5)], Weight: r.IntN(5)}
		if r.IntN(2) == 0 {
			v.Override.Until = now.Add(time.Duration(r.IntN(5)) * time.Second)
		}
	}
	for i := range s.Servers {
		v := &s.Servers[i]
		in := r.IntN(50)
		v.Opened += uint64(in)
		v.Flows = max(0, v.Flows+in-r.IntN(50))
	}
}

// wrong tells what must not be.
func wrong(now time.Time, s Service, is, was Result, m Memory) string {
	sum, able := 0, 0
	for i, w := range is.Weights {
		sum += w
		if w > 0 && is.Down[i] {
			return "a server that is down gets connections"
		}
		if w > 0 && is.Admin[i] == 0 {
			return "a server that is drained gets connections"
		}
		if w == 0 && is.Admin[i] > 0 && !is.Down[i] {
			return "a server that is up gets no connections"
		}
		if is.Admin[i] > 0 {
			able++
		}
		if o := s.Servers[i].Override.In(now); o.Kind == ForceDown && !is.Down[i] {
			return "a server that an operator took down is up"
		}
	}
	open := !is.Sorry && !is.Closed
	fewer := is.Up < is.Need
	switch {
	case open && sum == 0:
		return "the service is open, and nobody takes connections"
	case is.Sorry && is.Closed, is.Panic && !open:
		return "it is two things at once"
	case is.Sorry && !s.Sorry, is.Closed && s.Sorry:
		return "sorry servers are forgotten, or made up"
	case fewer && is.Met:
		return "the quorum is met with too few"
	case !fewer && was.Met && !is.Met:
		return "it closes though enough are up"
	case !was.Met && is.Met && is.Up < is.Need+s.Hysteresis && is.Up < able:
		return "it comes back without the hysteresis"
	case m.Short == is.Met:
		return "what is remembered is something else"
	case !is.Next.IsZero() && !is.Next.After(now):
		return "the next change is in the past"
	}
	return ""
}
