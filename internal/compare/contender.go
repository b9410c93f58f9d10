package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
)

// job is what all contenders have to do: translate for that many services or for that many
// zones, as package sample lays them out.
type job struct {
	services int
	proto    string // udp or tcp: of the services, all on port 80
	zones    int    // where services is 0
}

func (j job) fleet() sample.Fleet {
	return sample.Fleet{Services: j.services, Servers: 4, Port: j.proto + "/80"}
}

// size is the number of services or zones.
func (j job) size() int { return max(j.services, j.zones) }

// newServer takes the place of the first service's first real server. No other one has it.
const newServer = "172.31.255.1"

// contender is a way to do the job.
type contender struct {
	name            string
	how             string   // what it is and how it is run, for the document
	needs           []string // programs
	module          string   // what the kernel calls itself in /proc/net if it can do it; empty: all can
	services, zones int      // the largest job that is worth the wait; 0: cannot do it
	passes          bool     // it translates nothing: a yardstick

	load   func(context.Context, *site, job) (cost, error) // from nothing
	change func(context.Context, *site, job) (cost, error) // newServer comes
	clear  func(context.Context, *site) error              // back to nothing
	forget func(context.Context, *site, int) error         // ends its flows, which must be that many; nil: they are conntrack's
}

// most is the largest job of a kind.
func (c contender) most(j job) int {
	if j.services > 0 {
		return c.services
	}
	return c.zones
}

// missing says what this machine has not that the contender needs.
func (c contender) missing() string {
	for _, p := range c.needs {
		if _, err := exec.LookPath(p); err != nil {
			return filepath.Base(p) + " is not installed"
		}
	}
	if _, err := os.Stat(filepath.Join("/proc/net", c.module)); err != nil {
		return "not in this kernel"
	}
	return ""
}

// cost is what a command took, in seconds.
type cost struct{ wall, cpu float64 }

// site is a gateway of its own for one contender.
type site struct {
	*lab.Gateway
	contender
	dir     string // for its files
	daemon  *exec.Cmd
	counted int // connections, by who cannot forget them
}

func newSite(ctx context.Context, c contender, dir string) (*site, error) {
	s := &site{contender: c}
	var err error
	if s.dir, err = os.MkdirTemp(dir, "site-"); err != nil {
		return nil, err
	}
	s.Gateway, err = lab.NewGateway(ctx)
	return s, err
}

// host is the gateway itself.
func (s *site) host() *nstest.Host { return s.Gateway.Gateway }

// run runs a command on the gateway.
func (s *site) run(ctx context.Context, argv ...string) (cost, error) {
	u, err := lab.Run(ctx, s.host(), argv...)
	return cost{u.Wall.Seconds(), u.CPU.Seconds()}, err
}

// runFile writes a file and runs a command with its path as last argument.
func (s *site) runFile(ctx context.Context, text []byte, argv ...string) (cost, error) {
	path := filepath.Join(s.dir, "input")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return cost{}, err
	}
	return s.run(ctx, append(argv, path)...)
}

// hold has conntrack keep connections until they are counted, on a slow machine, too.
func (s *site) hold() error {
	if s.forget != nil {
		return nil
	}
	return errors.Join(
		s.host().Sysctl("net/netfilter/nf_conntrack_tcp_timeout_close", "600"),
		s.host().Sysctl("net/netfilter/nf_conntrack_udp_timeout", "600"),
	)
}

// end ends the connections that the gateway has taken up, which must be that many.
func (s *site) end(ctx context.Context, flows int) error {
	if s.forget != nil {
		return s.forget(ctx, s, flows)
	}
	return s.Forget(ctx, flows)
}

// stop ends the contender's daemon, if it has one.
func (s *site) stop() {
	if s.daemon != nil {
		_ = s.daemon.Process.Kill()
		_ = s.daemon.Wait()
		s.daemon = nil
	}
}

// Close removes the gateway.
func (s *site) Close() {
	s.stop()
	s.Gateway.Close()
}

// flush deletes all tables of nftables.
func flush(ctx context.Context, s *site) error {
	s.stop()
	_, err := s.host().Output(ctx, "nft", "flush", "ruleset")
	lab.Pause()
	return err
}

// all returns the contenders, in the order of the tables.
func all(snatctlBinary string) []contender {
	return []contender{
		snatctl(snatctlBinary), snatctlWithoutAccounts(snatctlBinary), byHand(),
		kubeProxy(), nftlb(), iptables("nft"), iptables("legacy"), ipvs(), noNAT(),
	}
}

func (c contender) called() string { return c.name }
