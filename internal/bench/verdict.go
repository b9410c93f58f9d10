package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// How many servers go one by one in a round, and how many at once.
const (
	verdictsEach = 50
	verdictsMany = 1000
)

// verdict takes real servers out of a large table, as an agent does when checks fail: from the
// verdict, in this process, to the end of the commit. One by one, then many at once; behind them
// the table is made as it should be.
func (b *bench) verdict(ctx context.Context) error {
	w, err := nstest.Create(nstest.Options{})
	if err != nil {
		return err
	}
	defer w.Close()
	var v verdicts
	err = w.Gateway.Do(func() error { return v.run(ctx, b) })
	if err != nil {
		return err
	}
	of := fmt.Sprintf("of %d services x %d", b.size.services, b.size.servers)
	worst := slices.Max(v.one)
	b.add(row{what: "a verdict on one RS, " + of + ": to the end of the commit", ours: v.one.Seconds(), need: "< 5 ms", ok: v.one.Median() < 0.005})
	b.add(row{what: "  the slowest of all", ours: lab.Series{worst}.Seconds(), need: "< 20 ms", ok: worst < 0.02})
	b.add(row{what: fmt.Sprintf("verdicts on %d RS at once: to the end of the commit", min(verdictsMany, b.size.services)), ours: v.many.Seconds(), need: "< 250 ms", ok: slices.Max(v.many) < 0.25})
	b.add(row{what: "  the same, as the table is in the end", ours: v.reshape.Seconds()})
	return nil
}

// verdicts is how long they took, in seconds.
type verdicts struct {
	one, many, reshape lab.Series
	next               int // the service that goes next
}

func (v *verdicts) run(ctx context.Context, b *bench) error {
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: sample.Services(b.size.services, b.size.servers)}})
	if p == nil {
		return ds.Err()
	}
	want, ds := gateway.Compile(p, nil)
	if want == nil {
		return ds.Err()
	}
	state := filepath.Join(b.dir, "verdict")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	g, err := gateway.Hold(gateway.Options{Table: p.Gateway.Table, StateDir: state})
	if err != nil {
		return err
	}
	defer g.Close()
	c, err := g.Commit(ctx, want, gateway.ApplyOptions{})
	if err != nil {
		return err
	}
	f, err := c.Force()
	if err != nil {
		return err
	}
	for i := range b.n {
		b.say("  round %d of %d", i+1, b.n)
		if err := v.round(ctx, f, p); err != nil {
			return err
		}
	}
	return nil
}

func (v *verdicts) round(ctx context.Context, f *gateway.Force, p *policy.Policy) error {
	var gone []gateway.ServiceChange
	evict := func(n int) (float64, error) {
		down := v.down(p, n)
		gone = append(gone, down...)
		start := time.Now()
		err := f.Evict(ctx, down)
		return time.Since(start).Seconds(), err
	}
	for range verdictsEach {
		t, err := evict(1)
		if err != nil {
			return err
		}
		v.one = append(v.one, t)
	}
	t, err := evict(min(verdictsMany, len(p.Services)))
	if err != nil {
		return err
	}
	v.many = append(v.many, t)
	start := time.Now()
	if err := f.Reshape(ctx); err != nil {
		return err
	}
	v.reshape = append(v.reshape, time.Since(start).Seconds())
	for i := range gone {
		gone[i].State = policy.ServiceState{}
	}
	if err := f.Evict(ctx, gone); err != nil {
		return err
	}
	return f.Reshape(ctx)
}

// down says that one real server each of the next services is down.
func (v *verdicts) down(p *policy.Policy, n int) (changes []gateway.ServiceChange) {
	for range n {
		s := &p.Services[v.next*7%len(p.Services)]
		rs := s.RealServers[v.next%len(s.RealServers)]
		v.next++
		changes = append(changes, gateway.ServiceChange{Service: s.Name, State: policy.ServiceState{
			Servers: map[netip.AddrPort]policy.ServerState{rs.Key(): {Weight: rs.Weight, Down: true}}}})
	}
	return changes
}
