package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
)

// eventBuffer is the socket buffer that all who listen get: what snatctl takes by itself.
const eventBuffer = 16 << 20

// lifetime is how long the flows last by themselves. conntrack looks up which program has
// ended a flow, at a price that is not to be charged to it.
const lifetime = 3 * time.Second

// events lets flows begin and end under the eyes of one listener at a time.
func (b *bench) events(ctx context.Context) error {
	g, err := lab.NewGateway(ctx)
	if err != nil {
		return err
	}
	defer g.Close()
	fleet := sample.Fleet{Services: b.size.services, Servers: b.size.servers, Port: "udp/80"}
	if err := b.flowsFor(ctx, g, fleet, lifetime); err != nil {
		return err
	}
	flows := lab.ServiceFlows(fleet.Services, b.size.flows)
	if err := g.Translates(ctx, (*lab.Gateway).Datagrams, flows, "--dst-nat"); err != nil {
		return err
	}
	contenders := []*listener{
		{what: "snatctl watch", argv: []string{b.snatctl, "watch", "--format", "jsonl"}},
		{what: "ctlink", argv: library("listen")},
		{what: "conntrack -E", argv: []string{"conntrack", "-E"}},
	}
	for i := range b.n {
		b.say("  round %d of %d", i+1, b.n)
		for _, l := range contenders {
			if err := l.round(ctx, g, flows); err != nil {
				return fmt.Errorf("%s: %w", l.what, err)
			}
		}
	}
	theirs := contenders[len(contenders)-1]
	against := theirs.what + ": "
	for i, l := range contenders[:len(contenders)-1] {
		cost := l.cost.Over(theirs.cost)
		event := row{what: fmt.Sprintf("%d conntrack events: CPU of %s for each", 2*len(flows), l.what), ours: l.cost.Seconds(), theirs: against + theirs.cost.Seconds(), ratio: cost}
		lost := row{what: fmt.Sprintf("  lost, of a buffer of %d MiB", eventBuffer>>20), ours: l.lost.Count(), theirs: against + theirs.lost.Count()}
		if i == 0 { // the numbers that are required are the program's
			event.need, event.ok = "< 0.5", cost.Median() < 0.5
			lost.need, lost.ok = "no more than the other", l.lost.Median() <= theirs.lost.Median()
		}
		b.add(event)
		b.add(lost)
	}
	return nil
}

// listener is a program that takes events until it is killed, and what it took in each round.
type listener struct {
	what       string
	argv       []string
	cost, lost lab.Series // CPU seconds an event received; events lost
}

// round lets all flows begin, and then end.
func (l *listener) round(ctx context.Context, g *lab.Gateway, flows []lab.Flow) error {
	cmd := exec.CommandContext(ctx, l.argv[0], l.argv[1:]...) // its output goes to /dev/null
	if err := g.Gateway.Do(cmd.Start); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	s, err := await(ctx, g.Gateway, func(s socket) bool { return s.inode != "" })
	if err != nil {
		return err
	}
	if err := enlarge(cmd.Process.Pid, s.inode); err != nil {
		return fmt.Errorf("enlarge the buffer: %w", err)
	}
	before, err := lab.CPUOf(cmd.Process.Pid) // to get ready is no part of it
	if err != nil {
		return err
	}
	if _, err := g.Datagrams(ctx, flows); err != nil {
		return err
	}
	if err := g.TakesUp(ctx, len(flows)); err != nil {
		return err
	}
	if err := expire(ctx, g, len(flows)); err != nil {
		return err
	}
	end, err := await(ctx, g.Gateway, socket.idle)
	if err != nil {
		return err
	}
	used, err := lab.CPUOf(cmd.Process.Pid)
	if err != nil {
		return err
	}
	received := 2*len(flows) - end.drops
	if received <= 0 {
		return fmt.Errorf("%d events of %d are lost", end.drops, 2*len(flows))
	}
	l.cost = append(l.cost, (used-before).Seconds()/float64(received))
	l.lost = append(l.lost, float64(end.drops))
	lab.Pause()
	return nil
}

// expire waits until the gateway's flows have lived their time. Listing flows sweeps those
// that are over (nf_conntrack_netlink.c, ctnetlink_dump_table).
func expire(ctx context.Context, g *lab.Gateway, flows int) error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		n, err := g.Entries()
		if err != nil || n == 0 {
			return err
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("%d flows of %d do not end", n, flows)
		}
		if _, err := g.Gateway.Run(ctx, conntrackList[0], conntrackList[1:]...); err != nil {
			return err
		}
	}
}

// enlarge gives a process's socket the buffer that all have. The option -b of conntrack 1.4.7
// enlarges another socket than the one that it listens to.
func enlarge(pid int, inode string) error {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(process)
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		number, err := strconv.Atoi(f.Name())
		if to, _ := os.Readlink(dir + f.Name()); err != nil || to != "socket:["+inode+"]" {
			continue
		}
		fd, err := unix.PidfdGetfd(process, number, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, eventBuffer)
	}
	return errors.New("the socket is not among the process's files")
}

// socket is the one netlink socket of a host that listens to conntrack.
type socket struct {
	inode   string // empty: there is none yet
	waiting int    // bytes in its buffer
	drops   int    // events that had no room
}

func (s socket) idle() bool { return s.waiting == 0 }

// await waits until the listener's socket is as wanted.
func await(ctx context.Context, h *nstest.Host, is func(socket) bool) (s socket, err error) {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if s, err = listening(h); err != nil || is(s) {
			return s, err
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return s, fmt.Errorf("the listener does not get ready: %+v", s)
		}
	}
}

// listening reads /proc/net/netlink (net/netlink/af_netlink.c, netlink_native_seq_show: sk,
// Eth, Pid, Groups, Rmem, Wmem, Dump, Locks, Drops, Inode), in which 12 is NETLINK_NETFILTER.
func listening(h *nstest.Host) (s socket, err error) {
	var text []byte
	if err := h.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/netlink")
		return err
	}); err != nil {
		return s, err
	}
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line)
		if len(w) < 10 || w[1] != "12" || w[3] == "00000000" {
			continue
		}
		s.inode = w[9]
		s.waiting, err = strconv.Atoi(w[4])
		if err == nil {
			s.drops, err = strconv.Atoi(w[8])
		}
		return s, err
	}
	return s, nil
}
