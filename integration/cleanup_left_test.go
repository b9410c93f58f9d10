package integration

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/nstest"
)

// twoServices has a service whose real server changes, and one that stays.
func twoServices(gateway, server string) string {
	return `
version: 1
gateway: {uplinks: [wan0, wan1], ` + gateway + `}
services:
  - {name: dns, vip: 203.0.113.1, ports: udp/53, real_servers: ` + server + `}
  - {name: web, vip: 203.0.113.1, ports: udp/80, real_servers: 192.168.1.3}
`
}

const cleans, keeps = "cleanup: stale", "cleanup: none"

// asked opens a UDP flow from the office and says who answers on it, now and whenever it is
// called again.
func (s *site) asked(t *testing.T, to, want string) func(want string) {
	t.Helper()
	return asked(t, s.Office, to, want)
}

func asked(t *testing.T, from *nstest.Host, to, want string) func(want string) {
	t.Helper()
	c, err := from.Dial("udp", "", to)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	again := func(want string) {
		t.Helper()
		if got := answered(nstest.AskOn(c)); got != want {
			t.Errorf("%s: got %q, want %q", to, got, want)
		}
	}
	again(want)
	return again
}

// Flows that are not to be ended stand, and nobody looks at them. The next apply that may end
// flows ends them, although nothing else is to be done.
func TestCleanupLater(t *testing.T) {
	s := startSite(t, twoServices(cleans, "192.168.1.1"))
	dns := s.asked(t, "203.0.113.1:53", "rs1 sees 10.1.5.9")
	web := s.asked(t, "203.0.113.1:80", "rs3 sees 10.1.5.9")

	for _, c := range []struct {
		gateway string
		argv    []string
	}{
		{cleans, []string{"--no-cleanup", "--dry-run"}},
		{cleans, []string{"--no-cleanup"}},
		{cleans, []string{"--no-cleanup"}},
		{keeps, nil},
	} {
		r := snatctl(t, s.Gateway, twoServices(c.gateway, "192.168.1.2"), "apply", append(c.argv, "--format", "json")...)
		want := 0
		if len(c.argv) > 1 {
			want = 1
		}
		if r.Code != want || flowsEnded(t, r) != 0 {
			t.Errorf("apply %s with %s exits %d\n%s%s", c.argv, c.gateway, r.Code, r.Stdout, r.Stderr)
		}
		dns("rs1 sees 10.1.5.9")
	}

	const same, flow = "no difference: table inet snatctl is as the policy says\n", " 1 flow of service dns: real server 192.168.1.1:53 is no longer listed\n"
	after := twoServices(cleans, "192.168.1.2")
	for _, c := range []struct{ argv, want string }{
		{"diff", same + "1 live flow contradicts the policy; apply would end it\nwould end" + flow},
		{"apply --dry-run", same + "1 live flow contradicts the policy; apply would end it\nwould end" + flow},
		{"apply", same + "ended" + flow},
		{"apply", same},
	} {
		argv := strings.Fields(c.argv)
		if r := snatctl(t, s.Gateway, after, argv[0], argv[1:]...); r.Code != 0 || r.Stdout != c.want {
			t.Errorf("%s exits %d and prints\n%s%swant\n%s", argv, r.Code, r.Stdout, r.Stderr, c.want)
		}
	}
	dns("rs2 sees 10.1.5.9")
	web("rs3 sees 10.1.5.9")
}

// Flows of a service that left the table while nothing was cleaned up, as if apply had been
// killed, are known by the earlier table: the next apply ends them, and only once.
func TestCleanupOfGone(t *testing.T) {
	gone := strings.ReplaceAll(twoServices(cleans, "192.168.1.1"), "  - {name: dns, vip: 203.0.113.1, ports: udp/53, real_servers: 192.168.1.1}\n", "")
	s := startSite(t, twoServices(cleans, "192.168.1.1"))
	dns := s.asked(t, "203.0.113.1:53", "rs1 sees 10.1.5.9")
	web := s.asked(t, "203.0.113.1:80", "rs3 sees 10.1.5.9")
	apply(t, s.Gateway, gone, "--no-cleanup")
	apply(t, s.Gateway, gone+"# another entry\n", "--no-cleanup")
	dns("rs1 sees 10.1.5.9")
	const same, flow = "no difference: table inet snatctl is as the policy says\n", " 1 flow of service dns: is no longer there\n"
	for _, c := range []struct{ command, want string }{
		{"diff", same + "1 live flow contradicts the policy; apply would end it\nwould end" + flow},
		{"apply", same + "ended" + flow},
		{"diff", same},
		{"apply", same},
	} {
		if r := snatctl(t, s.Gateway, gone, c.command); r.Code != 0 || r.Stdout != c.want {
			t.Errorf("%s exits %d and prints\n%s%swant\n%s", c.command, r.Code, r.Stdout, r.Stderr, c.want)
		}
	}
	web("rs3 sees 10.1.5.9")
}

// However few files the process may open, apply does all of its work, or nothing, or says what is
// left; and the next one ends that.
func TestCleanupIncomplete(t *testing.T) {
	const quiet = "forwarding: false, sysctls: false, " + cleans
	s := startSite(t, twoServices(cleans, "192.168.1.1")) // switches on what the others leave alone
	rs := func(n int) string { return fmt.Sprintf("192.168.1.%d", n) }
	apply(t, s.Gateway, twoServices(quiet, rs(1)))
	at, refused, done := 1, 0, 0
	for files := 3; files < 40 && done < 3; files++ {
		dns := s.asked(t, "203.0.113.1:53", fmt.Sprintf("rs%d sees 10.1.5.9", at))
		to := 3 - at
		after := policyFile(t, twoServices(quiet, rs(to)))
		r := run(t, s.Gateway, "prlimit", fmt.Sprintf("--nofile=%d:%[1]d", files), program(t), "apply", "-f", after, "--format", "json")
		inForce := ctl(t, s.Gateway, "diff", "-f", after, "--format", "json")
		switch r.Code {
		case 0:
			done++
			if inForce.Code != 0 || flowsEnded(t, r) == 0 {
				t.Errorf("with %d files apply exits 0, and diff %d\n%s%s", files, inForce.Code, r.Stdout, r.Stderr)
			}
		case 4:
			const want = "snatctl: the policy is in force, but connections that contradict it may remain: "
			if inForce.Code != 0 || !strings.Contains(r.Stderr, want) || !strings.Contains(r.Stderr, "apply again to end them") {
				t.Errorf("with %d files apply exits 4, and diff %d\n%s%s", files, inForce.Code, r.Stdout, r.Stderr)
			}
			dns(fmt.Sprintf("rs%d sees 10.1.5.9", at))
			if r := ctl(t, s.Gateway, "apply", "-f", after, "--format", "json"); r.Code != 0 || flowsEnded(t, r) == 0 {
				t.Errorf("the next apply exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
			}
		default: // the Go runtime itself ends with 2 where it has no file to wait with
			refused++
			if inForce.Code != 1 {
				t.Errorf("with %d files apply exits %d, and diff %d\n%s%s", files, r.Code, inForce.Code, r.Stdout, r.Stderr)
			}
			dns(fmt.Sprintf("rs%d sees 10.1.5.9", at))
			continue
		}
		at = to
		s.asked(t, "203.0.113.1:53", fmt.Sprintf("rs%d sees 10.1.5.9", at))
	}
	if refused == 0 || done == 0 {
		t.Errorf("apply was refused %d times and done %d times: this test shows nothing", refused, done)
	}
}

// While new connections come without end, none of them is left with a real server that apply
// took away: neither of a plain service, nor of one that is persistent, whose clients' entries
// lead to it until apply has deleted them.
func TestCleanupWhileConnectionsCome(t *testing.T) {
	s := startSite(t, "")
	policy := func(server string) string {
		return `
version: 1
services:
  - {name: plain, vip: 203.0.113.1, ports: udp/9000, real_servers: ` + server + `}
  - {name: sticky, vip: 203.0.113.2, ports: udp/9000, persistence: 300s, real_servers: ` + server + `}
  - {name: full, vip: 203.0.113.3, ports: udp/9000, mode: fullnat, laddrs: 192.168.2.1-192.168.2.9, real_servers: ` + server + `}
`
	}
	for _, rs := range s.RS {
		_, err := rs.SinkUDP(":9000")
		must(t, err)
	}
	s.start(t, policy("192.168.1.1"))
	stop, stopped := make(chan struct{}), make(chan int)
	go func() { stopped <- s.flood(t, stop, "203.0.113.1:9000", "203.0.113.2:9000", "203.0.113.3:9000") }()
	for s.tracked(t) == 0 {
		time.Sleep(time.Millisecond)
	}
	ended, from, to := 0, "192.168.1.1", "192.168.1.2"
	for range 4 {
		r := snatctl(t, s.Gateway, policy(to), "apply", "--format", "json")
		if r.Code != 0 {
			t.Fatalf("apply exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
		}
		ended += flowsEnded(t, r)
		left := output(t, s.Gateway, "conntrack", "-L", "-p", "udp", "--reply-src", from)
		if left != "" {
			n := strings.Count(left, "\n")
			t.Errorf("behind apply, which ended %d, %d flows to %s are left:\n%.600s", flowsEnded(t, r), n, from, left)
		}
		from, to = to, from
	}
	close(stop)
	if n := <-stopped; n < 1000 || ended < 1000 {
		t.Errorf("only %d datagrams came, and %d flows were ended", n, ended)
	}
}

// tracked returns how many flows the gateway has.
func (s *site) tracked(t *testing.T) int {
	t.Helper()
	text, err := s.Gateway.ReadSysctl("net/netfilter/nf_conntrack_count")
	must(t, err)
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// flood sends datagrams of many flows to each of some services, over and over until it is
// stopped, and returns how many.
func (s *site) flood(t *testing.T, stop <-chan struct{}, services ...string) (n int) {
	var fd int
	must(t, s.Office.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	}))
	defer unix.Close(fd)
	const clients, ports = 100, 30
	var packets [][]byte
	for i := range clients * ports {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 128, byte(1 + i%clients)}), uint16(1024+i/clients))
		for _, to := range services {
			packets = append(packets, nstest.Craft(unix.IPPROTO_UDP, from, netip.MustParseAddrPort(to)))
		}
	}
	for {
		p := packets[n%len(packets)]
		if err := unix.Sendto(fd, p, 0, &unix.SockaddrInet4{Addr: [4]byte(p[16:20])}); err == nil {
			n++
		}
		select {
		case <-stop:
			return n
		default:
		}
	}
}

// Flows in conntrack zones of another table belong to zones and services as all others do. Apply
// never ends them, and flows and status say so.
func TestConntrackZones(t *testing.T) {
	s := startSite(t, "")
	const policy = "version: 1\nzones:\n  - {name: office, from: 10.1.0.0/16, laddrs: %s}\n"
	s.start(t, fmt.Sprintf(policy, "198.51.100.1"))
	nft(t, s.Gateway, `table inet other {
	chain zones {
		type filter hook prerouting priority raw
		udp dport 53 ct zone set 7
		udp sport 53 ct zone set 7
	}
}`)
	dns := s.asked(t, "8.8.8.8:53", "outside sees 198.51.100.1")
	s.asked(t, "8.8.8.8:80", "outside sees 198.51.100.1")
	r := ctl(t, s.Gateway, "flows", "--zone", "office")
	if lines := strings.Split(strings.TrimSpace(r.Stdout), "\n"); r.Code != 0 || len(lines) != 3 || strings.Count(r.Stdout, "zone office, conntrack zone 7 ") != 1 ||
		r.Stderr != "1 of these flows is in conntrack zones, which another table sets: apply never ends them\n" {
		t.Errorf("flows exits %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if text := prints(t, s.Gateway, "status"); !strings.Contains(text, "; of these 1 in conntrack zones, which another table sets: apply never ends them;") {
		t.Errorf("status says\n%s", text)
	}
	if r := snatctl(t, s.Gateway, fmt.Sprintf(policy, "198.51.100.2"), "apply", "--format", "json"); r.Code != 0 || flowsEnded(t, r) != 1 {
		t.Errorf("apply exits %d and ends %d flows, want 1\n%s%s", r.Code, flowsEnded(t, r), r.Stdout, r.Stderr)
	}
	dns("outside sees 198.51.100.1")
}
