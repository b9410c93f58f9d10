package integration

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/nstest"
)

// proxied is a policy with services that have a SYN proxy, one that has none, and what is put
// into the gateway's section.
const proxied = `
version: 1
gateway: {uplinks: [wan0, wan1], unmatched: drop%s}
services:
  - {name: web, vip: [203.0.113.10, "2001:db8::10"], ports: tcp/80, syn_proxy: {mss: 1400}, real_servers: [192.168.1.1, "fd05::1"]}
  - {name: shop, vip: [203.0.113.11, "2001:db8::11"], ports: tcp/8000-8099, mode: fullnat, laddrs: [192.168.2.9, "fd06::9"], syn_proxy: true, real_servers: [192.168.1.2, "fd05::2"]}
  - {name: plain, vip: [203.0.113.12, "2001:db8::12"], ports: tcp/80, real_servers: [192.168.1.3, "fd05::3"]}
  - {name: shut, vip: 203.0.113.13, ports: tcp/80, deny: 0.0.0.0/0, syn_proxy: true, real_servers: 192.168.1.1}
  - {name: empty, vip: 203.0.113.14, ports: tcp/80, syn_proxy: true, real_servers: []}
`

// proxiedAt are the services with a SYN proxy, and who answers there.
var proxiedAt = map[string]string{"203.0.113.10:80": "rs1", "[2001:db8::10]:80": "rs1", "203.0.113.11:8005": "rs2", "[2001:db8::11]:8005": "rs2"}

// The sources that are forged: 100.64.0.0/16 and 2001:db8:64::/64. What is sent to them ends at Outside.
const (
	forgedWatch = `table inet forged { chain in { type filter hook prerouting priority -300
ip daddr 100.64.0.0/16 counter drop
ip6 daddr 2001:db8:64::/64 counter drop
}
}`
	synWatch = `table inet syns { chain in { type filter hook prerouting priority -300
tcp flags syn / syn,ack counter
}
}`
)

// seenBy returns the sum of all counters of a table.
func seenBy(t testing.TB, h *nstest.Host, table string) (sum int) {
	t.Helper()
	for _, m := range regexp.MustCompile(`counter packets (\d+)`).FindAllStringSubmatch(output(t, h, "nft", "list", "table", "inet", table), -1) {
		n, err := strconv.Atoi(m[1])
		must(t, err)
		sum += n
	}
	return sum
}

// forge sends n SYNs, each of another source, to each of some addresses, until done is closed.
func forge(h *nstest.Host, n int, done <-chan struct{}, to ...string) (sent int, err error) {
	err = h.Do(func() error {
		var fds [2]int
		for i, family := range []int{unix.AF_INET, unix.AF_INET6} {
			fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			fds[i] = fd
		}
		for i := range n {
			time.Sleep(200 * time.Microsecond) // the flood is not to fill this machine's own queues
			for _, addr := range to {
				select {
				case <-done:
					return nil
				default:
				}
				dst := netip.MustParseAddrPort(addr)
				var from [16]byte
				copy(from[:], []byte{0x20, 0x01, 0x0d, 0xb8, 0, 0x64})
				binary.BigEndian.PutUint32(from[12:], uint32(i))
				src := netip.AddrFrom16(from)
				fd, at := fds[1], unix.Sockaddr(&unix.SockaddrInet6{Addr: dst.Addr().As16()})
				if dst.Addr().Is4() {
					src = netip.AddrFrom4([4]byte{100, 64, byte(i >> 8), byte(i)})
					fd, at = fds[0], &unix.SockaddrInet4{Addr: dst.Addr().As4()}
				}
				packet := nstest.Craft(unix.IPPROTO_TCP, netip.AddrPortFrom(src, uint16(1024+i%60000)), dst)
				for {
					err := unix.Sendto(fd, packet, 0, at)
					if err == nil {
						break
					}
					if err != unix.ENOBUFS && err != unix.EAGAIN {
						return err
					}
				}
				sent++
			}
		}
		return nil
	})
	return sent, err
}

// flatten switches off what lets interfaces leave checksums and segments to others, so that what is
// wrong on the wire is wrong for who receives it. But the gateway joins segments, for that looks at
// checksums: the kernel's SYN proxy takes the checksum of IPv6 for wrong if nobody has before it.
func flatten(t testing.TB, s *site) {
	t.Helper()
	flat(t, s.Gateway, append([]*nstest.Host{s.Outside}, s.RS...)...)
}

// flat does that with a gateway and other hosts.
func flat(t testing.TB, gateway *nstest.Host, others ...*nstest.Host) {
	t.Helper()
	for _, h := range append(others, gateway) {
		must(t, h.Do(func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			links, err := net.Interfaces()
			if err != nil {
				return err
			}
			for _, l := range links {
				if l.Name != "lo" {
					if err := nstest.PlainWire(fd, l.Name, h == gateway); err != nil {
						return fmt.Errorf("%s: %w", l.Name, err)
					}
				}
			}
			return nil
		}))
	}
}

// echoes sends data to an echo server, and compares what comes back.
func echoes(c net.Conn, size int) error {
	data := make([]byte, size)
	rand.Read(data)
	c.SetDeadline(time.Now().Add(patience))
	go c.Write(data)
	back := make([]byte, size)
	if _, err := io.ReadFull(c, back); err != nil {
		return err
	}
	if !bytes.Equal(data, back) {
		return fmt.Errorf("%d bytes come back changed", size)
	}
	return nil
}

// patience is how long a client of a crowded gateway waits.
const patience = 30 * time.Second

// askLong asks with the patience that a client has which sends its segments again.
func askLong(h *nstest.Host, addr string) (a nstest.Answer, err error) {
	c, err := h.DialWithin(patience, "tcp", "", addr)
	if err != nil {
		return a, err
	}
	defer c.Close()
	return nstest.AskWithin(patience, c)
}

// A flood of SYNs from forged sources reaches no real server and makes no flow; real clients get
// through meanwhile; and whatever the gateway does about VIPs.
func TestSynProxy(t *testing.T) {
	s := startSite(t, "")
	flatten(t, s)
	nft(t, s.Outside, forgedWatch)
	for _, rs := range s.RS {
		nft(t, rs, synWatch)
	}
	for _, addresses := range []string{"none", "routes", "{assign: lo}"} {
		t.Run(addresses, func(t *testing.T) { floodProxied(t, s, fmt.Sprintf(proxied, ", addresses: "+addresses)) })
	}
}

// answeredFlood forges SYNs and returns how many, when at least nine in ten were answered. Where
// they are not, and no more answers come, it forges as many again: when a machine is busy, the
// queue behind a link drops packets (net.core.netdev_max_backlog), which the sender cannot see.
func answeredFlood(t *testing.T, s *site, at []string) (all int) {
	t.Helper()
	const rounds = 10
	for round := range rounds {
		before := seenBy(t, s.Outside, "forged")
		sent, err := forge(s.Outside, 1000, nil, at...)
		must(t, err)
		all += sent
		got := 0
		for since := time.Now(); time.Since(since) < 2*time.Second; time.Sleep(10 * time.Millisecond) {
			n := seenBy(t, s.Outside, "forged") - before
			if n >= sent*9/10 {
				return all
			}
			if n != got {
				got, since = n, time.Now()
			}
		}
		t.Logf("round %d of %d: %d of %d forged SYNs were answered", round+1, rounds, got, sent)
	}
	t.Fatal("forged sources get no answers")
	return all
}

func floodProxied(t *testing.T, s *site, policy string) {
	s.start(t, policy)
	wantDiff(t, s.Gateway, policy, 0)
	if v, err := s.Gateway.ReadSysctl("net/netfilter/nf_conntrack_tcp_loose"); err != nil || v != "0" {
		t.Errorf("tcp_loose is %s, %v", v, err)
	}
	var at []string
	for addr := range proxiedAt {
		at = append(at, addr)
	}
	reached := seenBy(t, s.RS[0], "syns") + seenBy(t, s.RS[1], "syns")
	sent := answeredFlood(t, s, at)
	if n := seenBy(t, s.RS[0], "syns") + seenBy(t, s.RS[1], "syns") - reached; n != 0 {
		t.Errorf("%d of %d forged SYNs reached real servers", n, sent)
	}
	flows, err := s.Gateway.Flows(context.Background())
	must(t, err)
	for _, f := range flows {
		if from := f.Orig.Src.Addr(); netip.MustParsePrefix("100.64.0.0/16").Contains(from) || netip.MustParsePrefix("2001:db8:64::/64").Contains(from) {
			t.Fatalf("a forged SYN made a flow: %v", f)
		}
	}

	done, flooding := make(chan struct{}), make(chan error, 1)
	var total atomic.Int64
	go func() {
		n, err := forge(s.Outside, 1<<30, done, at...)
		total.Store(int64(n))
		flooding <- err
	}()
	for range 2 {
		for addr, who := range proxiedAt {
			a, err := askLong(s.Outside, addr)
			want := "192.0.2.1"
			switch {
			case who == "rs2" && strings.HasPrefix(addr, "["):
				want = "fd06::9"
			case who == "rs2":
				want = "192.168.2.9"
			case strings.HasPrefix(addr, "["):
				want = "2001:db8:2::1"
			}
			if err != nil || a.Host != who || a.Peer.Addr().String() != want {
				t.Errorf("%s during a flood: %v, %v; want %s that sees %s", addr, a, err, who, want)
			}
		}
	}
	close(done)
	must(t, <-flooding)
	t.Logf("%d forged SYNs, then %d beside the clients", sent, total.Load())

	for addr, who := range proxiedAt {
		c, err := s.Outside.DialWithin(patience, "tcp", "", addr)
		must(t, err)
		if a, err := nstest.AskWithin(patience, c); err != nil || a.Host != who {
			t.Errorf("%s: %v, %v", addr, a, err)
		}
		if err := echoes(c, 512<<10); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
		port := strconv.Itoa(int(netip.MustParseAddrPort(c.LocalAddr().String()).Port()))
		mss := map[string]int{"rs1": 1400, "rs2": 1460}[who]
		if strings.HasPrefix(addr, "[") {
			mss -= 20
		}
		client := output(t, s.Outside, "ss", "-tinoH", "sport = :"+port)
		server := output(t, s.RS[map[string]int{"rs1": 0, "rs2": 1}[who]], "ss", "-tinoH", "dport = :"+port)
		const timestamps = 12 // bytes of each segment
		if !strings.Contains(client, " ts sack") || !strings.Contains(client, " wscale:7,") || !strings.Contains(client, fmt.Sprintf(" mss:%d ", mss-timestamps)) {
			t.Errorf("%s: want timestamps, SACK, wscale 7 and mss %d; the client has %s", addr, mss-timestamps, client)
		}
		scale := regexp.MustCompile(` wscale:7,(\d+) `).FindStringSubmatch(client)
		if scale == nil || !strings.Contains(server, " ts sack") || !strings.Contains(server, " wscale:"+scale[1]+",") {
			t.Errorf("%s: want timestamps, SACK and the client's window scale; the server has %s, the client %s", addr, server, client)
		}
		c.Close()
	}

	if strings.Contains(policy, "assign") {
		return // the rest is the same, and waits for what does not come
	}
	if a, err := s.Outside.Ask("tcp", "", "203.0.113.12:80"); err != nil || a.Host != "rs3" {
		t.Errorf("the service beside: %v, %v", a, err)
	}
	if a, err := s.Gateway.Ask("tcp", "", "203.0.113.10:80"); err != nil || a.Host != "rs1" {
		t.Errorf("the gateway's own call: %v, %v", a, err)
	}
	if _, err := s.Outside.Ask("tcp", "", "203.0.113.14:80"); !errors.Is(err, nstest.ErrRefused) {
		t.Errorf("a service without real servers: %v, want a reset", err)
	}
	reached = seenBy(t, s.RS[0], "syns")
	if _, err := s.Outside.Ask("tcp", "", "203.0.113.13:80"); err == nil || seenBy(t, s.RS[0], "syns") != reached {
		t.Errorf("a client that may not call gets an answer, or to the real server")
	}
	if _, err := s.Outside.Ask("tcp", "", "203.0.113.10:81"); err == nil {
		t.Error("a port that no service has answers")
	}
}

// A SYN proxy that comes leaves connections alone, and so does one that goes: the kernel goes on
// translating the timestamps of those that it opened.
func TestSynProxySwitched(t *testing.T) {
	s := startSite(t, "")
	off := "version: 1\nservices:\n  - {name: web, vip: [203.0.113.10, \"2001:db8::10\"], ports: tcp/80, real_servers: [192.168.1.1, \"fd05::1\"]}\n"
	on := strings.Replace(off, "tcp/80,", "tcp/80, syn_proxy: true,", 1)
	var conns []net.Conn
	open := func(n int) {
		for range n {
			for _, addr := range []string{"203.0.113.10:80", "[2001:db8::10]:80"} {
				c, err := s.Outside.DialWithin(patience, "tcp", "", addr)
				must(t, err)
				t.Cleanup(func() { c.Close() })
				_, err = nstest.AskWithin(patience, c)
				must(t, err)
				conns = append(conns, c)
			}
		}
	}
	alive := func(when string) {
		t.Helper()
		dead := make(chan error, len(conns))
		for _, c := range conns {
			go func() { dead <- echoes(c, 32<<10) }()
		}
		failed := 0
		for range conns {
			if err := <-dead; err != nil {
				failed++
				t.Logf("%s: %v", when, err)
			}
		}
		if failed > 0 {
			t.Fatalf("%s: %d of %d connections are dead", when, failed, len(conns))
		}
	}
	s.start(t, off)
	open(3)
	r := snatctl(t, s.Gateway, on, "apply")
	if r.Code != 0 || !strings.Contains(r.Stdout+r.Stderr, "set net.netfilter.nf_conntrack_tcp_loose to 0") || !strings.Contains(r.Stdout, "no SYN proxy → SYN proxy with mss 1460") {
		t.Fatalf("apply exits %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	alive("the proxy comes")
	open(12)
	alive("with the proxy")
	apply(t, s.Gateway, off)
	wantDiff(t, s.Gateway, off, 0)
	alive("the proxy goes")
	apply(t, s.Gateway, off)
	apply(t, s.Gateway, strings.Replace(on, "true", "{mss: 1300}", 1))
	alive("another proxy comes")
	must(t, s.Gateway.Sysctl("net/netfilter/nf_conntrack_tcp_loose", "1"))
	r = snatctl(t, s.Gateway, strings.Replace(on, "services:", "gateway: {sysctls: false}\nservices:", 1), "apply")
	if r.Code != 0 || !strings.Contains(r.Stderr, "nf_conntrack_tcp_loose is 1, and connections to services with syn_proxy fail until it is 0") {
		t.Errorf("apply with sysctls: false exits %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
}
