package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/kernels"
	"github.com/snatctl/snatctl/internal/lab"
)

// errNoGuest says that there is no virtual machine to be had here, which spoils nothing else.
var errNoGuest = errors.New("no virtual machine")

// guestKernel is Debian's kernel that has IPVS as a module.
const guestKernel = "6.1"

// guestContenders are those that a virtual machine has the programs for.
var guestContenders = []string{ours, "snatctl without accounting", "nft by hand", "iptables-legacy", "IPVS", "no NAT"}

// guestLimit is when a guest is given up.
const guestLimit = 15 * time.Minute

// ipvs measures IPVS and others in one virtual machine, with this program.
func (c *comparison) ipvs(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	err = kernels.Ask(ctx, guestKernel, guestLimit, kernels.Job{
		Files:   map[string]string{"job/compare": self, "job/snatctl": c.snatctl},
		Modules: []string{"crc32c_generic", "nf_tables", "nf_conntrack"}, // crc32c before nf_tables asks for it
		Commands: []kernels.Command{
			{Args: []string{"modprobe", "ip_vs", "conn_tab_bits=16"}},
			{Args: []string{"/job/compare", "-guest", "-snatctl", "/job/snatctl", "-n", fmt.Sprint(c.rounds), "-contenders", strings.Join(c.guestNames(), ",")}},
		},
	}, &progress{to: os.Stderr}, &c.results)
	if errors.Is(err, kernels.ErrMissing) {
		return fmt.Errorf("%w: %w", errNoGuest, err)
	}
	return err
}

func (c *comparison) guestNames() (out []string) {
	chosen := map[string]bool{}
	for _, x := range c.contenders {
		chosen[x.name] = true
	}
	for _, name := range guestContenders {
		if chosen[name] {
			out = append(out, name)
		}
	}
	return out
}

// What a guest does: little, since an emulated processor takes some fifty times as long.
const guestServices, guestFlows, guestConnects, guestTurn = 1000, 2000, 500, 50

// progress passes on the lines that tell what goes on in a guest.
type progress struct {
	to   io.Writer
	rest []byte
}

func (p *progress) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		line, rest, whole := bytes.Cut(p.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		p.rest = rest
		if bytes.HasPrefix(line, []byte(said)) {
			fmt.Fprintf(p.to, "  %s\n", line)
		}
	}
}

// runGuest is what this program does inside the virtual machine.
func (c *comparison) runGuest(ctx context.Context) error {
	c.turn = guestTurn
	j := job{services: guestServices, proto: "udp"}
	err := c.with(ctx, j, func(sites []*site) error {
		return c.races(ctx, sites, j, race{"udp spread", lab.ServiceFlows(j.services, guestFlows), (*lab.Gateway).Datagrams, "--dst-nat"})
	})
	if err != nil {
		return err
	}
	j.proto = "tcp"
	err = c.with(ctx, j, func(sites []*site) error {
		return c.races(ctx, sites, j, race{"tcp spread", lab.ServiceFlows(j.services, guestConnects), (*lab.Gateway).Connects, "--dst-nat"})
	})
	if err != nil {
		return err
	}
	return kernels.Tell(c.results)
}
