package page

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// slow is an agent, and a sampler that answers when a test wants it.
type slow struct {
	answers chan *traffic.Figures // nil: flows cannot be counted
}

func (slow) Snapshot() agent.Snapshot  { return sample().Agent }
func (slow) Services() []agent.Service { return sample().Services }
func (slow) Lint() policy.Diagnostics {
	return policy.Diagnostics{{Pos: policy.Pos{File: "p.yaml", Line: 4}, Severity: policy.Warning, Code: "S15", Msg: "one"}, {Severity: policy.Error, Code: "Z01", Msg: "two"}}
}
func (slow) Uplinks() ([]gateway.Uplink, error) {
	return []gateway.Uplink{{Name: "wan0", There: true}}, nil
}

func (a slow) Figures(ctx context.Context) (*traffic.Figures, error) {
	select {
	case f := <-a.answers:
		if f == nil {
			return nil, errors.New("no such table")
		}
		return f, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (slow) History(traffic.Object) []traffic.Point {
	return []traffic.Point{{At: noon, Rate: traffic.Rate{New: 1, In: 2, Out: 3}}}
}

// Health is shown while flows are still being counted, and the flows when they are there.
func TestSlowFigures(t *testing.T) {
	a := slow{make(chan *traffic.Figures)}
	s := Of(a, a, "v1")
	w := s.Whole(t.Context())
	if w.Unmeasured != "they are being counted" || len(w.Services) != 5 || w.Services[0].Condition.Word != "degraded" || w.Services[0].Load.Flows != 0 {
		t.Errorf("before: %+v", w)
	}
	want := []Finding{{"error", "Z01", "", "two"}, {"warning", "S15", "p.yaml:4", "one"}}
	if diff := cmp.Diff(want, w.Findings); diff != "" {
		t.Errorf("lint says (-want +got)\n%s", diff)
	}
	if got := w.Past(traffic.Object{}); len(got) != 1 || got[0] != (Rate{true, 1, 5}) {
		t.Errorf("it did %+v", got)
	}
	until := func(what string, is func(*Whole) bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !is(s.Whole(t.Context())); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: never", what)
			}
		}
	}
	a.answers <- sample().Figures
	until("the flows", func(w *Whole) bool { return w.Unmeasured == "" && w.Services[0].Load.Flows > 0 })
	close(a.answers)
	until("that they are not known", func(w *Whole) bool { return w.Unmeasured == "no such table" })
}
