package page

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// counted asks for figures beside those who look: health is shown at once, also where flows take seconds to
// count.
type counted struct {
	figures Figures

	mu     sync.Mutex    // over what follows
	asking chan struct{} // closed with the answer; nil: nobody asks
	last   *traffic.Figures
	err    error
}

// patience is how long the first reader waits for figures. Others see those before.
const patience = time.Second

// newest returns the newest figures that are there, and asks for newer ones. Without any it says why.
func (c *counted) newest(ctx context.Context) (f *traffic.Figures, why string) {
	c.mu.Lock()
	if c.asking == nil {
		c.asking = make(chan struct{})
		go c.ask(ctx, c.asking)
	}
	answer, wait := c.asking, soon
	if c.last == nil {
		wait = patience
	}
	c.mu.Unlock()
	select {
	case <-answer:
	case <-time.After(wait):
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil, c.err.Error()
	case c.last == nil:
		return nil, "they are being counted"
	}
	return c.last, ""
}

// soon is how long an answer may take that is not worth being late.
const soon = 50 * time.Millisecond

func (c *counted) ask(ctx context.Context, answer chan struct{}) {
	f, err := c.figures.Figures(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err = err; err == nil {
		c.last = f
	}
	c.asking = nil
	close(answer)
}

// past is what an object did at the last readings.
func (c *counted) past(o traffic.Object) []Rate {
	points := c.figures.History(o)
	out := make([]Rate, len(points))
	for i, p := range points {
		out[i] = Rate{Known: true, New: p.New, Bytes: p.In + p.Out}
	}
	return out
}

// findings are lint's, the worst first.
func findings(all policy.Diagnostics) (out []Finding) {
	order := []policy.Severity{policy.Error, policy.Warning, policy.Info}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b policy.Diagnostic) int {
		return slices.Index(order, a.Severity) - slices.Index(order, b.Severity)
	})
	for _, d := range all {
		f := Finding{Severity: string(d.Severity), Code: d.Code, Text: d.Msg}
		if d.Pos.File != "" {
			f.Place = d.Pos.File + ":" + strconv.Itoa(d.Pos.Line)
		}
		out = append(out, f)
	}
	return out
}

// uplinks are those of the policy. What cannot be found out is not known. The agent knows more of those
// that are objects.
func uplinks(all []gateway.Uplink, known []agent.Uplink, err error) (out []Uplink) {
	if err != nil {
		return []Uplink{{"all", Condition{Standing: Unknown, Word: "not known", Why: err.Error()}}}
	}
	objects := make(map[string]*agent.Uplink, len(known))
	for i := range known {
		objects[known[i].Interface] = &known[i]
	}
	for _, u := range all {
		if o := objects[u.Name]; o != nil {
			out = append(out, Uplink{o.Name + " (" + o.Interface + ")", uplinkCondition(o)})
			continue
		}
		c := Condition{Standing: Fine, Word: "there"}
		if !u.There {
			c = Condition{Standing: Failed, Word: "missing", Why: "no interface has this name: " + gateway.Untranslated}
		}
		out = append(out, Uplink{u.Name, c})
	}
	return out
}

// uplinkCondition is how an uplink is that the agent looks after.
func uplinkCondition(u *agent.Uplink) Condition {
	c := Condition{Standing: Fine, Word: u.State, Why: u.Why(), Since: u.Since}
	switch {
	case u.State == agent.UplinkDown:
		c.Standing = Failed
	case u.State == agent.UplinkDrained:
		c.Standing = Degraded
	}
	if u.Kept {
		c.Why += "; connections stay with it, since no other is up"
	}
	return c
}
