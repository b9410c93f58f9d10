package agent

import (
	"bytes"
	"log/slog"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// logging is an agent that does nothing, and what it logs: the names of events.
func logging() (*Agent, func() []string) {
	var b bytes.Buffer
	said := regexp.MustCompile(`msg=(\w+)`)
	return &Agent{log: slog.New(slog.NewTextHandler(&b, nil))}, func() (out []string) {
		for _, m := range said.FindAllStringSubmatch(b.String(), -1) {
			out = append(out, m[1])
		}
		b.Reset()
		return out
	}
}

// The table of flows is told of when it fills, not for as long as it is full, and not at each step across
// a line.
func TestTellFill(t *testing.T) {
	t.Parallel()
	a, said := logging()
	var r room
	for _, c := range []struct {
		entries, limit uint32
		want           []string
	}{
		{0, 0, nil}, {100, 0, nil}, // no limit
		{740, 1000, nil}, {750, 1000, []string{"conntrack_filling"}}, {740, 1000, nil}, {760, 1000, nil},
		{950, 1000, []string{"conntrack_full"}}, {940, 1000, nil}, {960, 1000, nil}, {890, 1000, nil}, {950, 1000, []string{"conntrack_full"}},
		{700, 1000, nil}, {699, 1000, []string{"conntrack_eased"}}, {699, 1000, nil},
		{1000, 1000, []string{"conntrack_full"}}, {10, 1000, []string{"conntrack_eased"}},
	} {
		a.tellFill(&r, c.entries, c.limit)
		if got := said(); !slices.Equal(got, c.want) {
			t.Errorf("%d of %d: %v, want %v (%v)", c.entries, c.limit, got, c.want, ct.Severity(r.fill))
		}
	}
}

// A policy that changes what a service needs changes how it is: that is logged, as when a server goes down.
func TestTellResults(t *testing.T) {
	t.Parallel()
	parse := func(quorum string) *policy.Policy {
		p, ds := read.Parse([]policy.Source{{Name: "p", Data: []byte(`
version: 1
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, quorum: ` + quorum + `, real_servers: [192.168.1.1, {address: 192.168.1.2, weight: 0}]}
  - {name: none, vip: 203.0.113.2, ports: tcp/80, mode: nat, real_servers: []}
`)}})
		if p == nil {
			t.Fatal(ds.Err())
		}
		return p
	}
	a, said := logging()
	for _, c := range []struct {
		quorum string
		want   []string
	}{
		{"1", nil}, {"2", []string{"quorum_lost", "service_closed"}}, {"2", nil}, {"1", []string{"quorum_met", "service_closed"}},
	} {
		before := a.tends
		a.tends = a.tend(parse(c.quorum), time.Now())
		a.tellResults(before)
		if got := said(); !slices.Equal(got, c.want) {
			t.Errorf("quorum %s: %v, want %v", c.quorum, got, c.want)
		}
	}
}
