package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/sample"
)

// checkServers checks the servers of a fleet until it gets SIGINT, and prints by how much the
// latest check began late, how many have failed, and why one did.
func checkServers(ctx context.Context, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	var late time.Duration
	failed, reason := 0, ""
	s := health.New(health.Options{Observe: func(o health.Observation) {
		late = max(late, o.Late)
		if o.Error != "" {
			failed++
			reason = o.Error
		}
	}})
	k := &health.Check{Type: health.TCP, Interval: checkEvery, Timeout: checkTimeout, Rise: 2, Fall: 3}
	fleet := sample.Fleet{Services: n / 4, Servers: 4}
	var targets []health.Target
	for i := range fleet.Services {
		for _, server := range fleet.ServersOf(i) {
			at, err := netip.ParseAddr(server)
			if err != nil {
				return err
			}
			to := netip.AddrPortFrom(at, 80)
			targets = append(targets, health.Target{ID: health.ID{Service: fmt.Sprintf("svc-%d", i), Server: to}, To: to, Proto: inet.TCP, Check: k})
		}
	}
	s.Set(targets)
	s.Run(ctx, func([]health.Verdict) {})
	_, err = fmt.Printf("%d %d %s\n", late, failed, reason)
	return err
}
