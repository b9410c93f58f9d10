package integration

import (
	"bufio"
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// handshakes makes a site whose service has one real server and one laddr of each family, so that a cookie that a client
// got once is good for its next connection.
func handshakes(t *testing.T) *site {
	s := newSite(t, nstest.Options{RealServers: 1})
	apply(t, s.Gateway, strings.NewReplacer("192.168.2.250-192.168.2.253", "192.168.2.250", ", 192.168.1.2", "", `, "fd05::2"`, "").Replace(toaPolicy))
	return s
}

// Clients that send data with their SYN (TCP Fast Open) get through, and over IPv4 the real server learns who
// they are. Over IPv6 the option has no room beside theirs, which is counted.
func TestClientAddressFastOpen(t *testing.T) {
	s := handshakes(t)
	for _, h := range []*nstest.Host{s.RS[0], s.Outside} {
		must(t, h.Sysctl("net/ipv4/tcp_fastopen", "3"))
	}
	must(t, s.RS[0].ServeCallers(":81"))
	counted := func(name string) string {
		return strings.Join(strings.Fields(output(t, s.RS[0], "nstat", "-asz", name)), " ")
	}
	for _, to := range []string{"203.0.113.10:81", "[2001:db8::10]:81"} {
		for range 2 { // the first asks for a cookie
			c, err := s.Outside.DialFast(to)
			must(t, err)
			defer c.Close()
			must(t, c.SetDeadline(time.Now().Add(patience)))
			_, err = io.WriteString(c, "hello")
			must(t, err)
			r := bufio.NewReader(c)
			who, err := r.ReadString('\n')
			must(t, err)
			want := c.LocalAddr().String()
			if to[0] == '[' {
				want = "nobody"
			}
			if who = strings.TrimSpace(who); who != want {
				t.Errorf("%s: the real server takes %s for the client, want %s", to, who, want)
			}
			hello := make([]byte, 5)
			if _, err := io.ReadFull(r, hello); err != nil || string(hello) != "hello" {
				t.Errorf("%s: %q comes back, %v", to, hello, err)
			}
		}
	}
	if got := counted("TcpExtTCPFastOpenPassive"); !strings.Contains(got, "TcpExtTCPFastOpenPassive 2 ") {
		t.Errorf("the real server took data with one SYN of each family, and says %s", got)
	}
	if c := status(t, s.Gateway).Services[0].Told; c.SYN != 2 || c.NoRoom != 2 {
		t.Errorf("counted as %+v", c)
	}
}

// A real server that answers by SYN cookies keeps no SYN, and its program learns of nobody; connections are whole,
// and their ACKs have the option.
func TestClientAddressSynCookies(t *testing.T) {
	s := handshakes(t)
	must(t, s.RS[0].Sysctl("net/ipv4/tcp_syncookies", "2")) // always, flooded or not
	must(t, s.RS[0].ServeCallers(":8010"))
	for _, to := range []string{"203.0.113.10:8010", "[2001:db8::10]:8010"} {
		c, err := s.Outside.Dial("tcp", "", to)
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(time.Now().Add(patience)))
		line := make([]byte, len("nobody\n"))
		if _, err := io.ReadFull(c, line); err != nil || string(line) != "nobody\n" {
			t.Errorf("%s: %q, %v", to, line, err)
		}
		must(t, echoes(c, 100_000))
	}
	if c := status(t, s.Gateway).Services[0].Told; c.SYN != 2 || c.First < 2 || c.NoRoom != 0 {
		t.Errorf("counted as %+v", c)
	}
	dir := t.TempDir()
	cc := compileC(dir)
	if out, err := exec.Command(cc[0], cc[1:]...).CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
		t.Skip(err, "(as in a virtual machine)")
	} else if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, server := range [][]string{{dir + "/c", "81"}, {"python3", "../examples/client-address/server.py", "81"}} {
		b := serves(t, s.RS[0], server)
		for _, to := range []string{"203.0.113.10:81", "[2001:db8::10]:81"} {
			if _, who := told(t, s.Outside, to); who != "nobody" {
				t.Errorf("%s: the real server, which keeps no SYN, takes %s for the client", to, who)
			}
		}
		b.end(t, syscall.SIGTERM)
	}
}
