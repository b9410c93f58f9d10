package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/sample"
)

// ipvs is Linux's own load balancer, with NAT (ipvsadm's "masquerading").
func ipvs() contender {
	return contender{
		name: "IPVS", how: "`ipvsadm -R`, NAT, round robin, `conn_tab_bits=16`; no conntrack", needs: []string{"ipvsadm"}, module: "ip_vs",
		services: 5000,
		load: func(ctx context.Context, s *site, j job) (cost, error) {
			// IPVS sees what is for the machine itself: the VIPs are its addresses.
			if _, err := s.host().Output(ctx, "ip", "route", "replace", "local", "20.0.0.0/8", "dev", "lo"); err != nil {
				return cost{}, err
			}
			// So that connections end soon; later it would be for new ones alone.
			if _, err := s.host().Output(ctx, "ipvsadm", "--set", "1", "1", "1"); err != nil {
				return cost{}, err
			}
			var b strings.Builder
			for i := range j.services {
				fmt.Fprintf(&b, "-A %s -s rr\n", virtual(j, i))
				for _, server := range j.fleet().ServersOf(i) {
					fmt.Fprintf(&b, "-a %s -r %s:80 -m -w 1\n", virtual(j, i), server)
				}
			}
			return s.restoreIPVS(ctx, b.String())
		},
		change: func(ctx context.Context, s *site, j job) (cost, error) {
			v := virtual(j, 0)
			return s.restoreIPVS(ctx, fmt.Sprintf("-a %s -r %s:80 -m -w 1\n-d %s -r %s:80\n", v, newServer, v, j.fleet().ServersOf(0)[0]))
		},
		clear: func(ctx context.Context, s *site) error {
			_, err := s.host().Output(ctx, "ipvsadm", "-C")
			return err
		},
		forget: func(ctx context.Context, s *site, flows int) error { return s.expireIPVS(ctx, flows) },
	}
}

func virtual(j job, i int) string {
	return fmt.Sprintf("-%c %s:80", j.proto[0], sample.Addr(sample.VIPs, i))
}

func (s *site) restoreIPVS(ctx context.Context, text string) (cost, error) {
	return s.runFile(ctx, []byte(text), "sh", "-c", `exec ipvsadm -R <"$0"`)
}

// expireIPVS waits for the end of all connections, since IPVS cannot be told to forget them: 1 s
// for UDP, 10 s for reset TCP (net/netfilter/ipvs/ip_vs_proto_tcp.c, tcp_timeouts). It has to have
// taken up that many since it was last called.
func (s *site) expireIPVS(ctx context.Context, flows int) error {
	total, err := s.takenUpByIPVS()
	if err != nil {
		return err
	}
	n := total - s.counted
	if s.counted = total; n < flows {
		return fmt.Errorf("IPVS took up %d connections of %d", n, flows)
	}
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		text, err := s.proc("ip_vs_conn")
		if n := strings.Count(text, "\n") - 1; err != nil || n == 0 { // the first line is a heading
			return err
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("connections of IPVS do not end:\n%s", text)
		}
	}
}

// takenUpByIPVS returns how many connections IPVS has ever taken up on this gateway. Only the
// counts of each processor are up to date (net/netfilter/ipvs/ip_vs_ctl.c,
// ip_vs_stats_percpu_show): lines of six hexadecimal numbers, the second of which it is.
func (s *site) takenUpByIPVS() (total int, err error) {
	text, err := s.proc("ip_vs_stats_percpu")
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) != 6 {
			continue
		}
		if _, err := strconv.ParseUint(w[0], 16, 32); err != nil {
			continue // the sum
		}
		n, err := strconv.ParseUint(w[1], 16, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/net/ip_vs_stats_percpu: %w", err)
		}
		total += int(n)
	}
	return total, err
}

// proc reads a file of /proc/net as the gateway has it.
func (s *site) proc(name string) (string, error) {
	var text []byte
	err := s.host().Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/" + name)
		return err
	})
	return string(text), err
}
