package integration

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

const toaPolicy = `
version: 1
services:
  - name: web
    vip: [203.0.113.10, "2001:db8::10"]
    ports: [tcp/81, tcp/8010-8099]
    mode: fullnat
    laddrs: [192.168.2.250-192.168.2.253, "fd06::fa"]
    client_address: toa
    real_servers: [192.168.1.1, 192.168.1.2, "fd05::1", "fd05::2"]
`

// told asks a service who called, as its real server read it from the SYN.
func told(t testing.TB, from *nstest.Host, to string) (client, server string) {
	t.Helper()
	c, server := callTold(t, from, to)
	defer c.Close()
	return c.LocalAddr().String(), server
}

// callTold is told whose connection stays open, with time for more.
func callTold(t testing.TB, from *nstest.Host, to string) (c net.Conn, server string) {
	t.Helper()
	c, err := from.DialWithin(patience, "tcp", "", to)
	must(t, err)
	must(t, c.SetDeadline(time.Now().Add(patience)))
	line, err := bufio.NewReaderSize(c, 16).ReadString('\n')
	must(t, err)
	return c, strings.TrimSpace(line)
}

// knownCall connects to a service whose real server is to know the client.
func knownCall(t testing.TB, s *site, to string) net.Conn {
	t.Helper()
	c, server := callTold(t, s.Outside, to)
	if client := c.LocalAddr().String(); client != server {
		t.Errorf("%s: the real server takes %s for the client %s", to, server, client)
	}
	return c
}

// Real servers of a service with client_address learn who called; those of other services do not. diff shows
// the program, a second apply changes nothing, flush removes it.
func TestClientAddress(t *testing.T) {
	s := newSite(t, nstest.Options{})
	for _, rs := range s.RS[:2] {
		must(t, rs.ServeCallers(":81"))
		must(t, rs.ServeCallers(":8042"))
	}
	if r := wantDiff(t, s.Gateway, toaPolicy, 1); !strings.Contains(r.Stdout, "+ client_address dc0: toa: web\n") {
		t.Errorf("diff shows\n%s", r.Stdout)
	}
	apply(t, s.Gateway, toaPolicy)
	wantDiff(t, s.Gateway, toaPolicy, 0)
	for range 4 {
		for _, to := range []string{"203.0.113.10:81", "[2001:db8::10]:81", "203.0.113.10:8042", "[2001:db8::10]:8042"} {
			knownCall(t, s, to).Close()
		}
	}
	if c := status(t, s.Gateway).Services[0].Told; c.SYN != 16 || c.First < 16 || c.NoRoom != 0 {
		t.Errorf("16 connections were counted as %+v", c)
	}
	silent := strings.Replace(toaPolicy, "    client_address: toa\n", "", 1)
	apply(t, s.Gateway, silent)
	wantDiff(t, s.Gateway, silent, 0)
	if _, server := told(t, s.Outside, "203.0.113.10:81"); server != "nobody" {
		t.Errorf("without client_address the real server learns of %s", server)
	}
	if out := output(t, s.Gateway, "tc", "qdisc", "show", "dev", "dc0"); strings.Contains(out, "clsact") {
		t.Errorf("without client_address dc0 has\n%s", out)
	}
	apply(t, s.Gateway, toaPolicy)
	if r := ctl(t, s.Gateway, "flush"); r.Code != 0 || !strings.Contains(r.Stdout, "removed the programs of client_address from 1 interface") {
		t.Errorf("flush exits %d and says\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if out := output(t, s.Gateway, "tc", "qdisc", "show", "dev", "dc0"); strings.Contains(out, "clsact") {
		t.Errorf("after flush dc0 has\n%s", out)
	}
}

// compileC is the command that makes dir/c of the example in C.
func compileC(dir string) []string {
	return []string{"cc", "-Wall", "-Werror", "-O2", "-o", dir + "/c", "../examples/client-address/server.c"}
}

// serves starts one of the examples at port 81.
func serves(t testing.TB, h *nstest.Host, command []string) *background {
	t.Helper()
	b := start(t, h, nil, command[0], command[1:]...)
	until(t, command[0]+" to listen", func() bool { return run(t, h, "sh", "-c", "ss -tlnH sport = :81 | grep -q .").Code == 0 })
	return b
}

// The servers that are shipped as examples, in C, Go and Python, read who called.
func TestClientAddressExamples(t *testing.T) {
	s := newSite(t, nstest.Options{})
	policy, err := os.ReadFile("../examples/client-address/policy.yaml")
	must(t, err)
	apply(t, s.Gateway, strings.Replace(string(policy), "tcp/8080", "tcp/81", 1))
	dir := t.TempDir()
	for _, e := range []struct {
		name string
		make []string // makes DIR/server; nil: nothing to make
		run  []string
	}{
		{"c", compileC(dir), []string{dir + "/c", "81"}},
		{"go", []string{"go", "build", "-o", dir + "/go", "../examples/client-address/server.go"}, []string{dir + "/go", "81"}},
		{"python", nil, []string{"python3", "../examples/client-address/server.py", "81"}},
	} {
		t.Run(e.name, func(t *testing.T) {
			if _, err := exec.LookPath(slices.Concat(e.make, e.run)[0]); err != nil {
				t.Skipf("%v (as in a virtual machine)", err)
			}
			if e.make != nil {
				if out, err := exec.Command(e.make[0], e.make[1:]...).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			for _, rs := range s.RS[:2] {
				defer serves(t, rs, e.run).end(t, syscall.SIGTERM)
			}
			for _, to := range []string{"203.0.113.10:81", "[2001:db8::10]:81", "203.0.113.10:81"} {
				knownCall(t, s, to).Close()
			}
		})
	}
}

// With a SYN proxy, which opens the connection in the client's name, real servers learn who called as ever: the SYN and
// the ACK are the proxy's, and have the option. What follows comes through whole. Limits count connections,
// not handshakes.
func TestClientAddressBehindSynProxy(t *testing.T) {
	s := newSite(t, nstest.Options{})
	flatten(t, s)
	for _, rs := range s.RS[:2] {
		must(t, rs.ServeCallers(":81"))
	}
	apply(t, s.Gateway, strings.Replace(toaPolicy, "client_address: toa\n", "client_address: toa\n    syn_proxy: true\n    limits: {connections_per_client: 2, mask6: 128}\n", 1))
	made := uint64(0)
	for _, to := range []string{"203.0.113.10:81", "[2001:db8::10]:81"} {
		t.Run(to, func(t *testing.T) {
			if strings.HasPrefix(to, "[") {
				nstest.Since(t, 5, 13, "veth interfaces that join segments, without which the kernel's SYN proxy takes checksums of IPv6 for wrong")
			}
			for range 2 { // of which none ends
				c := knownCall(t, s, to)
				defer c.Close()
				must(t, echoes(c, 300_000))
			}
			c, err := s.Outside.DialWithin(patience, "tcp", "", to)
			must(t, err) // by the proxy
			defer c.Close()
			must(t, c.SetReadDeadline(time.Now().Add(2*time.Second)))
			if line, err := bufio.NewReader(c).ReadString('\n'); err == nil {
				t.Errorf("%s: the third connection is beyond the limit, and the real server calls it %s", to, line)
			}
			made += 2
		})
	}
	if c := status(t, s.Gateway).Services[0].Told; c.SYN < made || c.First < made {
		t.Errorf("the SYN and the ACK of %d connections were counted as %+v", made, c)
	}
}

// CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are enough to apply, to change and to remove it, with LimitMEMLOCK=infinity
// on kernels before 5.11; without the first two apply says what is missing, and changes nothing.
func TestClientAddressRights(t *testing.T) {
	h := startGateway(t, "")
	must(t, h.AddAddr("lo", "192.168.1.9/24"))
	output(t, h, "ip", "link", "set", "lo", "up")
	file, with := policyFile(t, toaPolicy), func(caps string, args ...string) nstest.Result {
		return run(t, h, "sh", append([]string{"-c", `ulimit -l unlimited 2>/dev/null; exec setpriv "$@"`, "sh", "--bounding-set=-all," + caps, "--inh-caps=-all", program(t)}, args...)...)
	}
	dir, enough := t.TempDir(), "+net_admin,+bpf,+perfmon"
	for _, few := range []string{"+net_admin", "+net_admin,+bpf"} {
		r := with(few, "apply", "-f", file, "--state-dir", dir)
		if r.Code == 0 || !strings.Contains(r.Stderr, "client_address: toa needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN") || !strings.Contains(r.Stderr, "nothing was changed") {
			t.Errorf("with %s apply exits %d: %s", few, r.Code, r.Stderr)
		}
	}
	r := with("+net_admin", "apply", "-f", policyFile(t, strings.Replace(toaPolicy, "services:", "gateway: {addresses: routes}\nservices:", 1)), "--state-dir", dir)
	if r.Code == 0 || !strings.Contains(r.Stderr, "nothing was changed") || strings.Contains(r.Stderr, "may be left") {
		t.Errorf("with routes that came before it apply exits %d: %s", r.Code, r.Stderr)
	}
	if got := run(t, h, "sh", "-c", "nft list ruleset; ip route show table local proto 115; ip -6 route show table local proto 115").Stdout; got != "" {
		t.Errorf("it has left\n%s", got)
	}
	if r := with(enough, "apply", "-f", file, "--state-dir", dir); r.Code != 0 {
		t.Fatalf("with them apply exits %d: %s", r.Code, r.Stderr)
	}
	must(t, os.WriteFile(file, []byte(strings.Replace(toaPolicy, "tcp/81", "tcp/82", 1)), 0o600))
	if r := with(enough, "apply", "-f", file, "--state-dir", dir); r.Code != 0 || !strings.Contains(r.Stdout, "~ client_address lo: toa: web") {
		t.Errorf("a change exits %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := with(enough, "flush"); r.Code != 0 {
		t.Errorf("flush exits %d: %s", r.Code, r.Stderr)
	}
}

// Of many connections each real server's idea of its client is right, and none is broken: SNATCTL_CALLS of them,
// 1,000 unless given.
func TestClientAddressOfMany(t *testing.T) {
	s := newSite(t, nstest.Options{})
	for _, rs := range s.RS[:2] {
		must(t, rs.ServeCallers(":81"))
	}
	apply(t, s.Gateway, toaPolicy)
	calls := 1000
	if given := os.Getenv("SNATCTL_CALLS"); given != "" {
		var err error
		calls, err = strconv.Atoi(given)
		must(t, err)
	}
	for i := range calls {
		to := []string{"203.0.113.10:81", "[2001:db8::10]:81"}[i%2]
		if client, server := told(t, s.Outside, to); client != server {
			t.Fatalf("call %d, %s: the real server takes %s for the client %s", i, to, server, client)
		}
	}
}

// Programs that are gone, or that stand where nothing needs them, are drift: the agent puts them back and removes
// them.
func TestClientAddressDrift(t *testing.T) {
	s := newSite(t, nstest.Options{})
	a := runAgent(t, s.Gateway, toaPolicy)
	stands := func() bool {
		return strings.Contains(output(t, s.Gateway, "sh", "-c", "tc filter show dev dc0 egress; tc filter show dev dc0 ingress"), "snatctl/snatctl/")
	}
	if !stands() {
		t.Fatal("the agent has put no program at dc0")
	}
	output(t, s.Gateway, "tc", "filter", "del", "dev", "dc0", "egress")
	a.fits(t, toaPolicy)
	if r := a.snapshot(t); r.Drift.Repairs != 1 {
		t.Errorf("%+v", r.Drift)
	}
	output(t, s.Gateway, "tc", "qdisc", "del", "dev", "dc0", "clsact")
	eventually(t, "the program to be back", stands)
	// The route toward the real servers moves: so does the program.
	output(t, s.Gateway, "ip", "route", "add", "192.168.1.0/28", "dev", "lan0")
	a.fits(t, toaPolicy)
	eventually(t, "the program at lan0", func() bool {
		return strings.Contains(output(t, s.Gateway, "tc", "filter", "show", "dev", "lan0", "egress"), "snatctl/snatctl/")
	})
}

// An apply that is killed leaves nothing half done that the next one does not put right: each interface has one
// program, which is the policy's.
func TestClientAddressKilled(t *testing.T) {
	h := startGateway(t, "")
	output(t, h, "ip", "link", "set", "lo", "up")
	must(t, h.AddAddr("lo", "192.168.1.9/24"))
	policies := []string{strings.ReplaceAll(toaPolicy, `, "fd05::1", "fd05::2"`, ""), ""}
	policies[1] = strings.Replace(policies[0], "tcp/81", "tcp/82", 1)
	for i := range 12 {
		k := start(t, h, nil, program(t), "apply", "-f", policyFile(t, policies[i%2]))
		time.Sleep(time.Duration(10+8*i) * time.Millisecond)
		_ = k.cmd.Process.Kill() // it may have ended
		_ = k.cmd.Wait()
		apply(t, h, policies[(i/2)%2])
		wantDiff(t, h, policies[(i/2)%2], 0)
		for _, hook := range []string{"egress", "ingress"} {
			if out := output(t, h, "tc", "filter", "show", "dev", "lo", hook); strings.Count(out, "snatctl/snatctl/") != 1 {
				t.Errorf("after %d kills %s has\n%s", i+1, hook, out)
			}
		}
	}
	prints(t, h, "flush")
	if out := output(t, h, "tc", "qdisc", "show", "dev", "lo"); strings.Contains(out, "clsact") {
		t.Errorf("flush has left\n%s", out)
	}
}
