package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
)

func TestMain(m *testing.M) {
	lab.Main()
	dir, err := os.MkdirTemp("", "snatctl-compare-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = sync.OnceValues(func() (string, error) {
		out := filepath.Join(dir, "snatctl")
		text, err := exec.Command("go", "build", "-o", out, "../../cmd/snatctl").CombinedOutput()
		if err != nil {
			err = fmt.Errorf("build snatctl: %w\n%s", err, text)
		}
		return out, err
	})
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// built builds snatctl, once.
var built func() (string, error)

// binary is the snatctl that SNATCTL_BIN names, or one of this tree.
func binary(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("SNATCTL_BIN"); given != "" {
		return given
	}
	out, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// each calls f with a loaded gateway of every contender that can do the job here.
func each(t *testing.T, j job, f func(*testing.T, context.Context, *site)) {
	nstest.Require(t)
	for _, c := range all(binary(t)) {
		t.Run(c.name, func(t *testing.T) {
			if c.most(j) == 0 {
				t.Skip("cannot do the job")
			}
			if why := c.missing(); why != "" {
				t.Skip(why)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			s, err := newSite(ctx, c, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			if _, err := s.load(ctx, s, j); err != nil {
				t.Fatal(err)
			}
			f(t, ctx, s)
		})
	}
}

// sends sends the first datagram of each flow and returns how they arrived.
func sends(t *testing.T, ctx context.Context, s *site, flows []lab.Flow) (out []lab.Arrived) {
	t.Helper()
	for i := range flows {
		if _, err := s.Datagrams(ctx, flows[i:i+1]); err != nil {
			t.Fatal(err)
		}
		a, err := s.Receive(nstest.Patience)
		if err != nil {
			t.Fatalf("datagram %d does not arrive: %v", i, err)
		}
		out = append(out, a)
	}
	return out
}

// A datagram to each service reaches a real server of that service, and after the change the
// new one has its share.
func TestServices(t *testing.T) {
	j := job{services: 3, proto: "udp"}
	each(t, j, func(t *testing.T, ctx context.Context, s *site) {
		for i := range j.services {
			flows := lab.LastServiceFlows(i+1, 8)
			for _, a := range sends(t, ctx, s, flows) {
				if want := j.fleet().ServersOf(i); !s.passes && !slices.Contains(want, a.Dst.String()) {
					t.Errorf("a datagram to service %d reached %s, want one of %v", i, a.Dst, want)
				}
			}
			if err := s.end(ctx, len(flows)); err != nil {
				t.Fatal(err)
			}
		}
		if s.change == nil {
			return
		}
		if _, err := s.change(ctx, s, j); err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, a := range sends(t, ctx, s, lab.LastServiceFlows(1, 64)) {
			got[a.Dst.String()]++
		}
		if gone := j.fleet().ServersOf(0)[0]; got[newServer] == 0 || got[gone] != 0 || len(got) != 4 {
			t.Errorf("after the change 64 datagrams reached %v: want %s among 4, and %s not", got, newServer, gone)
		}
	})
}

// A datagram of each zone leaves with a laddr of that zone.
func TestZones(t *testing.T) {
	j := job{zones: 3}
	each(t, j, func(t *testing.T, ctx context.Context, s *site) {
		for i := range j.zones {
			pool := netip.MustParsePrefix(sample.Addr(sample.Laddrs, i*4) + "/30")
			for _, a := range sends(t, ctx, s, lab.LastZoneFlows(i+1, 8)) {
				if !s.passes && !pool.Contains(a.Src) {
					t.Errorf("a datagram of zone %d left as %s, want %s", i, a.Src, pool)
				}
			}
		}
	})
}

// What a contender has cleared translates nothing: each round begins with nothing.
func TestClear(t *testing.T) {
	j := job{services: 1, proto: "udp"}
	each(t, j, func(t *testing.T, ctx context.Context, s *site) {
		if s.name == ipvs().name {
			return // takes the VIPs for its own, with or without services
		}
		if err := s.clear(ctx, s); err != nil {
			t.Fatal(err)
		}
		for _, a := range sends(t, ctx, s, lab.LastServiceFlows(1, 1)) {
			if a.Dst.String() != sample.VIPs {
				t.Errorf("a datagram to the VIP reached %s", a.Dst)
			}
		}
	})
}
