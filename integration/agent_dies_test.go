package integration

import (
	"cmp"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/snatctl/snatctl/internal/authority"
	"github.com/snatctl/snatctl/internal/nstest"
)

// death is a way to die, and to rise again.
type death struct {
	name   string
	proto  string // of the service
	ipv6   bool   // so are its VIP and its real servers
	mode   string // of it, and what belongs to that; "": nat
	check  string // its type and keys
	paces  string // how often; "": as most
	says   string // what the check says, as a regular expression
	keeps  bool   // established connections to it go on while it is down
	later  bool   // they go on when it is back
	first  func(t *testing.T, m *mortal, silent func())
	die    func(t *testing.T, m *mortal)
	second func(t *testing.T, m *mortal, silent func())
	rise   func(t *testing.T, m *mortal)
}

const (
	mostPaces  = "interval: 400ms, timeout: 5s, rise: 2, fall: 3"    // who lives answers in time, however busy the machine is
	quietPaces = "interval: 800ms, timeout: 700ms, rise: 2, fall: 3" // for deaths that answer nothing
	flapPaces  = "interval: 200ms, timeout: 200ms, rise: 9, fall: 9" // nine checks take longer than the second that it is well, or ill
)

func sh(command string) func(*testing.T, *mortal) {
	return func(t *testing.T, m *mortal) { t.Helper(); output(t, m.host, "sh", "-c", command) }
}

func pages(status int32) func(*testing.T, *mortal) {
	return func(_ *testing.T, m *mortal) { m.status.Store(status) }
}

// flaps lets it be well and ill by turns for some seconds; no verdict may come.
func flaps(t *testing.T, m *mortal, silent func()) {
	m.status.Store(0)
	time.Sleep(3500 * time.Millisecond)
	silent()
}

var deaths = []death{
	{name: "killed", proto: "tcp", check: "type: tcp", says: "connection refused",
		die: func(_ *testing.T, m *mortal) { m.kill() }, rise: func(t *testing.T, m *mortal) { m.begin(t) }},
	{name: "unplugged", paces: quietPaces, proto: "tcp", check: "type: tcp", says: "no answer in 700ms|host unreachable", later: true,
		die: sh("ip link set eth0 down"), rise: sh("ip link set eth0 up; ip route add default via 192.168.1.254")},
	{name: "silent", paces: quietPaces, proto: "tcp", mode: "fullnat, laddrs: 192.168.2.9", check: "type: tcp", says: "no answer in 700ms", later: true,
		die:  sh("nft 'table inet silent { chain c { type filter hook input priority 0; policy drop; }; }'"),
		rise: sh("nft delete table inet silent")},
	{name: "stopped", paces: quietPaces, proto: "tcp", check: "type: tcp, expect: rs", says: "connected, but no answer in 700ms", later: true,
		die:  func(t *testing.T, m *mortal) { must(t, m.process.Process.Signal(syscall.SIGSTOP)) },
		rise: func(t *testing.T, m *mortal) { must(t, m.process.Process.Signal(syscall.SIGCONT)) }},
	{name: "error", proto: "tcp", check: fmt.Sprintf("type: http, port: %d", mortalHTTP), says: "HTTP status 500", keeps: true,
		die: pages(500), rise: pages(200)},
	{name: "slow", paces: quietPaces, proto: "tcp", check: fmt.Sprintf("type: http, port: %d", mortalHTTP), says: "connected, but no answer in 700ms", keeps: true,
		die: func(_ *testing.T, m *mortal) { m.slow.Store(true) }, rise: func(_ *testing.T, m *mortal) { m.slow.Store(false) }},
	{name: "flapping", proto: "tcp", check: fmt.Sprintf("type: http, port: %d", mortalHTTP), paces: flapPaces, says: "HTTP status 500|(connected, but )?no answer in 200ms", keeps: true,
		first: flaps, die: pages(500), second: flaps, rise: pages(200)},
	{name: "expired", proto: "tcp", check: fmt.Sprintf("type: https, port: %d, sni: www.example.com, ca: CA", mortalHTTPS), says: "certificate expired ", keeps: true,
		die: func(_ *testing.T, m *mortal) { m.expired.Store(true) }, rise: func(_ *testing.T, m *mortal) { m.expired.Store(false) }},
	{name: "servfail", proto: "udp", mode: "fullnat, laddrs: 192.168.2.8", check: fmt.Sprintf("type: dns, port: %d, query: www.example.com", mortalDNS), says: "DNS says SERVFAIL",
		die: func(_ *testing.T, m *mortal) { m.rcode.Store(dns.RcodeServerFailure) }, rise: func(_ *testing.T, m *mortal) { m.rcode.Store(dns.RcodeSuccess) }},
	{name: "unreachable", proto: "udp", check: `type: udp, send: "?"`, says: "port unreachable",
		die: func(_ *testing.T, m *mortal) { m.kill() }, rise: func(t *testing.T, m *mortal) { m.begin(t) }},
	{name: "killed6", ipv6: true, proto: "tcp", check: "type: tcp", says: "connection refused",
		die: func(_ *testing.T, m *mortal) { m.kill() }, rise: func(t *testing.T, m *mortal) { m.begin(t) }},
	{name: "silent6", paces: quietPaces, ipv6: true, proto: "tcp", mode: "fullnat, laddrs: 'fd06::9'", check: "type: icmp", says: "no answer in 700ms", later: true,
		die:  sh("nft 'table inet silent { chain c { type filter hook input priority 0; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; drop; }; }'"),
		rise: sh("nft delete table inet silent")},
	{name: "unreachable6", ipv6: true, proto: "udp", check: `type: udp, send: "?"`, says: "port unreachable",
		die: func(_ *testing.T, m *mortal) { m.kill() }, rise: func(t *testing.T, m *mortal) { m.begin(t) }},
}

// dying is a site where a real server of each service dies in its own way. All services share two that
// never die.
type dying struct {
	*site
	agent   *agentRun
	mortals []*mortal
}

func (d death) port() int {
	if d.proto == "udp" {
		return mortalUDP
	}
	return mortalTCP
}

// vip is that of the service of the i-th death.
func (d death) vip(i int) string {
	if d.ipv6 {
		return fmt.Sprintf("2001:db8::%d", i+1)
	}
	return fmt.Sprintf("203.0.113.%d", i+1)
}

// server is the address of the n-th real server for the service.
func (d death) server(n int) string {
	if d.ipv6 {
		return fmt.Sprintf("fd05::%d", n+1)
	}
	return fmt.Sprintf("192.168.1.%d", n+1)
}

func startDying(t *testing.T) *dying {
	t.Helper()
	t.Parallel()
	d := &dying{site: newSite(t, nstest.Options{RealServers: 2 + len(deaths)})}
	ca := authority.New(t)
	for n := range d.RS {
		d.mortals = append(d.mortals, newMortal(t, d.World, n, ca))
	}
	var p strings.Builder
	p.WriteString("version: 1\ngateway: {uplinks: [wan0, wan1]}\nservices:\n")
	for i, how := range deaths {
		paces, mode := cmp.Or(how.paces, mostPaces), cmp.Or(how.mode, "nat")
		fmt.Fprintf(&p, "  - {name: %s, vip: '%s', ports: %s/%d, mode: %s, real_servers: ['%s', '%s', '%s'], health_check: {%s, %s}}\n",
			how.name, how.vip(i), how.proto, how.port(), mode, how.server(0), how.server(1), how.server(2+i), strings.ReplaceAll(how.check, "CA", ca.File), paces)
	}
	d.agent = runAgent(t, d.Gateway, p.String())
	for _, how := range deaths {
		for n := range 2 {
			awaitHealth(t, d.Gateway, how.name, how.server(n), "up")
		}
	}
	return d
}

// A real server dies, in every way that there is, while clients call: from the line of the verdict on no new
// connection reaches it, no call fails, and connections that live stay. It comes back, and gets calls again.
func TestAgentDeaths(t *testing.T) {
	d := startDying(t)
	var all sync.WaitGroup
	for i, how := range deaths {
		all.Go(func() {
			t.Run(how.name, func(t *testing.T) {
				d.dies(t, how, d.mortals[2+i], how.server(2+i), net.JoinHostPort(how.vip(i), strconv.Itoa(how.port())))
			})
		})
	}
	all.Wait()
	if drift := d.agent.snapshot(t).Drift; drift.Found != 0 {
		t.Errorf("it took its own changes for drift: %+v", drift)
	}
}

func (d *dying) dies(t *testing.T, how death, m *mortal, server, vip string) {
	awaitHealth(t, d.Gateway, how.name, server, "up")
	conns := holdAll(t, d.Office, how.proto, vip, 3, 2)
	c := startCallers(d.Office, 2, 25*time.Millisecond, how.proto, vip)
	defer c.end()
	start := time.Now()
	heard := 0
	silent := func() {
		t.Helper()
		n := 0
		for _, event := range []string{"server_down", "server_up"} {
			for _, line := range d.agent.logged(event) {
				if strings.Contains(line, " service="+how.name+" ") {
					n++
				}
			}
		}
		if n != heard {
			t.Errorf("%d verdicts, want %d", n, heard)
		}
	}
	time.Sleep(300 * time.Millisecond)
	if how.first != nil {
		how.first(t, m, silent)
	}
	dead := time.Now()
	how.die(t, m)
	line, down := d.agent.verdict(t, "server_down", how.name, server, start)
	c.more(1)
	heard++
	if !regexp.MustCompile(` reason="?(` + how.says + ")").MatchString(line) {
		t.Errorf("it is down like this: %s", line)
	}
	if s := awaitHealth(t, d.Gateway, how.name, server, "down"); s.CheckError == nil || s.LastCheck == nil || s.LastChange == nil || s.Weight != 1 {
		t.Errorf("status says %+v", s)
	}
	d.carry(t, conns, m, how, false)
	time.Sleep(700 * time.Millisecond)
	if how.second != nil {
		how.second(t, m, silent)
	}
	risen := time.Now()
	how.rise(t, m)
	_, up := d.agent.verdict(t, "server_up", how.name, server, down)
	eventually(t, "it to get calls again", func() bool {
		hosts, _, _ := c.between(up, time.Now())
		return hosts[m.host.Name] > 0
	})
	d.carry(t, conns, m, how, true)
	c.end()
	silentOthers(t, d.agent, how.name, server)

	dead = c.oldest(dead) // a call that it had when it died dies with it
	for _, phase := range []struct {
		name     string
		from, to time.Time
		fails    bool // calls may
		dead     bool // it may not answer
	}{{"alive", start, dead, false, false}, {"dying", dead, down, true, false}, {"down", down, risen, false, true}, {"rising", risen, time.Now(), false, false}} {
		hosts, failed, err := c.between(phase.from, phase.to)
		t.Logf("%s for %v: calls to %v, %d failed", phase.name, phase.to.Sub(phase.from).Round(time.Millisecond), hosts, failed)
		if len(hosts) == 0 && !phase.fails {
			t.Errorf("%s: nobody called", phase.name)
		}
		if failed > 0 && !phase.fails {
			t.Errorf("%s: %d calls fail: %v", phase.name, failed, err)
		}
		if hosts[m.host.Name] > 0 && phase.dead {
			t.Errorf("%s: %d calls reach it", phase.name, hosts[m.host.Name])
		}
	}
}

// carry checks that connections live which should: those to others always, those to the dead one as it died.
func (d *dying) carry(t *testing.T, conns []held, m *mortal, how death, back bool) {
	t.Helper()
	for _, c := range conns {
		switch {
		case how.proto == "udp":
			d.answers(t, c, m, back)
		case c.host != m.host.Name || how.keeps || how.later && back:
			if err := c.echoes(20 * time.Second); err != nil { // TCP may be waiting for its next retransmission
				t.Error(err)
			}
		}
	}
}

// answers checks that a client which goes on with one socket of UDP is answered: by whoever answered before,
// or, if that one is down, by another.
func (d *dying) answers(t *testing.T, c held, m *mortal, back bool) {
	t.Helper()
	var host string
	eventually(t, "the flow of UDP to go on", func() bool {
		c.SetDeadline(time.Now().Add(time.Second))
		if _, err := c.Write([]byte("?\n")); err != nil {
			return false
		}
		b := make([]byte, 100)
		n, err := c.Read(b)
		if host, _, _ = strings.Cut(string(b[:n]), " "); err != nil {
			return false
		}
		return back || host != m.host.Name
	})
	if c.host != m.host.Name && host != c.host {
		t.Errorf("a flow of %s goes to %s", c.host, host)
	}
}

// silentOthers checks that nobody else was taken for dead.
func silentOthers(t *testing.T, a *agentRun, service, server string) {
	t.Helper()
	for _, line := range a.logged("server_down") {
		if strings.Contains(line, " service="+service+" ") && !strings.Contains(line, " server="+server+" ") {
			t.Errorf("a server that lives is down: %s", line)
		}
	}
}
