package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/sample"
)

// nftlb is the daemon of that name, as it is meant to be run: it loads a file of farms and
// takes changes by its JSON API.
func nftlb() contender {
	return contender{
		name: "nftlb", how: "the daemon with a file of farms, until its API answers; a change is a `POST` of one backend", needs: []string{"nftlb"},
		services: 1000, // 29 s on an idle machine
		load: func(ctx context.Context, s *site, j job) (cost, error) {
			path := filepath.Join(s.dir, "farms.json")
			if err := os.WriteFile(path, farms(j), 0o600); err != nil {
				return cost{}, err
			}
			cmd := exec.CommandContext(ctx, "nftlb", "-k", apiKey, "-H", "127.0.0.1", "-P", "5555", "-l", "1", "-c", path)
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			start := time.Now()
			if err := s.host().Do(cmd.Start); err != nil {
				return cost{}, err
			}
			s.daemon = cmd
			return s.daemonCost(start, 0, s.untilAPI(ctx))
		},
		change: func(ctx context.Context, s *site, j job) (cost, error) {
			before, err := lab.CPUOf(s.daemon.Process.Pid)
			if err != nil {
				return cost{}, err
			}
			start := time.Now()
			return s.daemonCost(start, before, s.ask(ctx, "POST", fmt.Sprintf(`{"farms": [{"name": "s0", "backends": [{"name": "b0", "ip-addr": %q}]}]}`, newServer)))
		},
		clear: flush,
	}
}

const apiKey = "compare"

func farms(j job) []byte {
	type backend struct {
		Name  string `json:"name"`
		IP    string `json:"ip-addr"`
		State string `json:"state"`
	}
	type farm struct {
		Name     string    `json:"name"`
		Family   string    `json:"family"`
		VIP      string    `json:"virtual-addr"`
		Ports    string    `json:"virtual-ports"`
		Mode     string    `json:"mode"`
		Protocol string    `json:"protocol"`
		Sched    string    `json:"scheduler"`
		State    string    `json:"state"`
		Backends []backend `json:"backends"`
	}
	all := make([]farm, j.services)
	for i := range all {
		all[i] = farm{Name: fmt.Sprintf("s%d", i), Family: "ipv4", VIP: sample.Addr(sample.VIPs, i), Ports: "80", Mode: "dnat", Protocol: j.proto, Sched: "rr", State: "up"}
		for k, server := range j.fleet().ServersOf(i) {
			all[i].Backends = append(all[i].Backends, backend{fmt.Sprintf("b%d", k), server, "up"})
		}
	}
	text, _ := json.Marshal(map[string]any{"farms": all}) // strings alone: cannot fail
	return text
}

// daemonCost is what the daemon has taken since a time at which it had taken so much.
func (s *site) daemonCost(start time.Time, before time.Duration, err error) (cost, error) {
	wall := time.Since(start)
	if err != nil {
		return cost{}, err
	}
	after, err := lab.CPUOf(s.daemon.Process.Pid)
	return cost{wall.Seconds(), (after - before).Seconds()}, err
}

// untilAPI waits until the daemon answers, which it does when its rules are loaded.
func (s *site) untilAPI(ctx context.Context) error {
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		err := s.ask(ctx, "GET", "")
		if err == nil || !errors.Is(err, syscall.ECONNREFUSED) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
	}
}

// ask sends one request to the daemon.
func (s *site) ask(ctx context.Context, method, body string) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (c net.Conn, err error) {
		err = s.host().Do(func() error {
			c, err = net.Dial("tcp4", "127.0.0.1:5555")
			return err
		})
		return c, err
	}}}
	r, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1:5555/farms", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Key", apiKey)
	a, err := client.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("nftlb answers %s", a.Status)
	}
	return nil
}
