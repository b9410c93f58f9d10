package nstest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
)

// Pair is two gateways of which one works, with keepalived and conntrackd between them.
//
//	Outside 203.0.113.2  ─wan─┬─ Gateways[0] ─┬─lan─ Inside 10.1.0.2 fd01::2
//	2001:db8:c::2             └─ Gateways[1] ─┴─rs── RS[0] RS[1] 192.168.1.1-2 fd05::1-2
//	                               └──sync──┘
//
// Gateway i has 203.0.113.10i, 10.1.0.10i, 192.168.1.10i and their like of IPv6 for itself, and 172.31.0.i on the cable
// sync. Who works has Moving: everybody's next hops. Outside sends 203.0.113.64/26 and 2001:db8:d::/64 (VIPs),
// 198.51.100.0/24 and 2001:db8:99::/64 (laddrs) there, and owns 203.0.113.128/25 and 2001:db8:c:0:8000::/65; real
// servers send everything there.
type Pair struct {
	Outside, Inside *Host
	Gateways        [2]*Host
	RS              [2]*Host

	dirs       [2]string // of the daemons' files
	keepalived [2]*Daemon
	conntrackd [2]*Daemon
	sw         *Host // the switch
}

// Moving are the addresses that the gateway has that works, by interface.
var Moving = []string{
	"wan=203.0.113.1/24", "lan=10.1.0.1/16", "rs=192.168.1.254/24",
	"wan=2001:db8:c::1/64", "lan=fd01::1/64", "rs=fd05::fe/64",
}

// NewPair builds a pair for a test, without daemons, and removes it when the test ends.
func NewPair(t testing.TB) *Pair {
	t.Helper()
	Require(t)
	Needs(t, "keepalived", "conntrackd")
	w := &Pair{}
	t.Cleanup(w.close)
	for i := range w.dirs {
		dir, err := os.MkdirTemp("", "pair") // short: a socket is in it (unix(7))
		if err != nil {
			t.Fatal(err)
		}
		w.dirs[i] = dir
	}
	if err := w.build(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *Pair) build() (err error) {
	for _, h := range []struct {
		at   **Host
		name string
	}{{&w.Outside, "outside"}, {&w.Inside, "inside"}, {&w.Gateways[0], "gw1"}, {&w.Gateways[1], "gw2"}, {&w.RS[0], "rs1"}, {&w.RS[1], "rs2"}, {&w.sw, "switch"}} {
		if *h.at, err = newHost(h.name); err != nil {
			return err
		}
	}
	p := &plan{}
	for _, b := range []string{"wan", "lan", "rs", "sync"} {
		p.bridge(w.sw, b)
	}
	p.port(w.sw, w.Outside, "eth0", "wan", "203.0.113.2/24", "2001:db8:c::2/64")
	p.local(w.Outside, "203.0.113.128/25", "2001:db8:c:0:8000::/65")
	for _, net := range []string{"203.0.113.64/26", "198.51.100.0/24"} {
		p.route(w.Outside, "eth0", net, "203.0.113.1")
	}
	for _, net := range []string{"2001:db8:d::/64", "2001:db8:99::/64"} {
		p.route(w.Outside, "eth0", net, "2001:db8:c::1")
	}
	p.port(w.sw, w.Inside, "eth0", "lan", "10.1.0.2/16", "fd01::2/64")
	p.route(w.Inside, "eth0", "0.0.0.0/0", "10.1.0.1")
	p.route(w.Inside, "eth0", "::/0", "fd01::1")
	for i, rs := range w.RS {
		p.port(w.sw, rs, "eth0", "rs", fmt.Sprintf("192.168.1.%d/24", i+1), fmt.Sprintf("fd05::%d/64", i+1))
		p.route(rs, "eth0", "0.0.0.0/0", "192.168.1.254")
		p.route(rs, "eth0", "::/0", "fd05::fe")
	}
	for i, gw := range w.Gateways {
		n := i + 1
		p.port(w.sw, gw, "wan", "wan", fmt.Sprintf("203.0.113.10%d/24", n), fmt.Sprintf("2001:db8:c::10%d/64", n))
		p.port(w.sw, gw, "lan", "lan", fmt.Sprintf("10.1.0.10%d/16", n), fmt.Sprintf("fd01::10%d/64", n))
		p.port(w.sw, gw, "rs", "rs", fmt.Sprintf("192.168.1.10%d/24", n), fmt.Sprintf("fd05::10%d/64", n))
		p.port(w.sw, gw, "sync", "sync", fmt.Sprintf("172.31.0.%d/30", n))
		p.route(gw, "wan", "2001:db8:c:0:8000::/65", "2001:db8:c::2")
		p.forwards(gw)
	}
	return p.err
}

// File is the path of a file that belongs to the daemons of a gateway.
func (w *Pair) File(i int, name string) string { return filepath.Join(w.dirs[i], name) }

// StartConntrackd runs conntrackd on a gateway with a configuration, whose lock, socket and log go elsewhere.
func (w *Pair) StartConntrackd(i int, conf string) (err error) {
	conf = strings.NewReplacer(
		"/var/lock/conntrackd.lock", w.File(i, "conntrackd.lock"), "/var/run/conntrackd.sock", w.File(i, "conntrackd.sock"),
		"Syslog on", "LogFile "+w.File(i, "conntrackd.log"),
	).Replace(conf)
	for _, left := range []string{"conntrackd.lock", "conntrackd.sock"} { // of one that was killed
		_ = os.Remove(w.File(i, left))
	}
	file := w.File(i, "conntrackd.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return err
	}
	w.conntrackd[i], err = w.Gateways[i].Start(w.File(i, "conntrackd.out"), "conntrackd", "-C", file)
	return err
}

// Conntrackd is that of a gateway; nil: it has none.
func (w *Pair) Conntrackd(i int) *Daemon { return w.conntrackd[i] }

// StartKeepalived runs keepalived on a gateway with a configuration.
func (w *Pair) StartKeepalived(i int, conf string) (err error) {
	for _, left := range []string{"keepalived.pid", "vrrp.pid"} { // of one that was killed
		_ = os.Remove(w.File(i, left))
	}
	file := w.File(i, "keepalived.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return err
	}
	w.keepalived[i], err = w.Gateways[i].Start(w.File(i, "keepalived.log"), "keepalived", "--vrrp", "--dont-fork", "--log-console", "--log-detail", "--no-syslog",
		"--use-file", file, "--pid", w.File(i, "keepalived.pid"), "--vrrp_pid", w.File(i, "vrrp.pid"))
	return err
}

// Said is what the daemons of a gateway have logged.
func (w *Pair) Said(i int) string {
	var b strings.Builder
	for _, name := range []string{"keepalived.log", "conntrackd.out", "conntrackd.log"} {
		text, _ := os.ReadFile(w.File(i, name))
		fmt.Fprintf(&b, "%s of %s:\n%s", name, w.Gateways[i].Name, text)
	}
	return b.String()
}

// Leave ends keepalived of a gateway in good order: it tells the other one.
func (w *Pair) Leave(i int) error { return w.keepalived[i].End() }

// Kill ends the daemons of a gateway as if they had crashed: its addresses stay where they are.
func (w *Pair) Kill(i int) {
	w.killKeepalived(i)
	_ = w.conntrackd[i].Close()
}

// killKeepalived kills the process that speaks VRRP before its parent, which would start it again, or have it end well.
func (w *Pair) killKeepalived(i int) {
	d := w.keepalived[i]
	if d == nil || d.Gone() {
		return
	}
	_ = d.Signal(syscall.SIGSTOP)
	for _, child := range d.children() {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	_ = d.Close()
}

// Hang stops the daemons of a gateway where they are; GoOn has them go on.
func (w *Pair) Hang(i int) { w.signal(i, syscall.SIGSTOP) }

// GoOn takes Hang back.
func (w *Pair) GoOn(i int) { w.signal(i, syscall.SIGCONT) }

func (w *Pair) signal(i int, s syscall.Signal) {
	for _, d := range []*Daemon{w.keepalived[i], w.conntrackd[i]} {
		if d == nil || d.Gone() {
			continue
		}
		for _, p := range append(d.children(), d.Pid()) {
			_ = syscall.Kill(p, s)
		}
	}
}

// children are the processes that the program has started, and that run.
func (d *Daemon) children() (pids []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", d.Pid(), d.Pid()))
	for _, word := range strings.Fields(string(text)) {
		var pid int
		if _, err := fmt.Sscan(word, &pid); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Unplug takes cables out of a gateway: wan, lan, rs or sync; Plug puts them in again.
func (w *Pair) Unplug(i int, links ...string) error {
	return w.cables(i, links, (*netlink.Handle).LinkSetDown)
}

// Plug takes Unplug back.
func (w *Pair) Plug(i int, links ...string) error {
	return w.cables(i, links, (*netlink.Handle).LinkSetUp)
}

func (w *Pair) cables(i int, links []string, set func(*netlink.Handle, netlink.Link) error) error {
	for _, l := range links {
		if err := w.sw.setLink(w.Gateways[i].Name+"-"+l, set); err != nil {
			return err
		}
	}
	return nil
}

// close ends the daemons and removes the hosts. keepalived's child would outlive a parent that is killed.
func (w *Pair) close() {
	for i := range w.Gateways {
		w.GoOn(i)
		w.killKeepalived(i)
	}
	for _, h := range []*Host{w.Outside, w.Inside, w.Gateways[0], w.Gateways[1], w.RS[0], w.RS[1], w.sw} {
		if h != nil {
			h.close()
		}
	}
	for _, dir := range w.dirs {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
	}
}
