package toalink

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/toa"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const fullnat = `
table inet t {
	chain before {
		type nat hook prerouting priority dstnat;
		ip daddr 203.0.113.10 tcp dport 80 dnat ip to 192.168.1.1
		ip6 daddr 2001:db8::10 tcp dport 80 dnat ip6 to fd05::1
	}
	chain after {
		type nat hook postrouting priority srcnat;
		ct original ip daddr 203.0.113.10 snat ip to 192.168.1.250
		ct original ip6 daddr 2001:db8::10 snat ip6 to fd05::fa
	}
}`

// tells puts a program at its interfaces.
func tells(t testing.TB, h *nstest.Host, p *toa.Program) {
	t.Helper()
	must(t, h.Do(func() error {
		plan, err := Compare("t", p)
		if err != nil {
			return err
		}
		done, err := plan.Before()
		if err != nil {
			return err
		}
		defer done.Close()
		return done.After()
	}))
}

// The real server reads the client of each connection from its SYN, and the bytes that follow
// are whole.
func TestPackets(t *testing.T) {
	w := nstest.New(t, nstest.Options{RealServers: 1})
	must(t, w.Gateway.AddAddr("dc0", "192.168.1.250/24"))
	must(t, w.Gateway.AddAddr("dc0", "fd05::fa/64"))
	must(t, w.RS[0].ServeCallers(":80"))
	p := telling(t, w.Gateway)
	for _, vip := range []string{"203.0.113.10:80", "[2001:db8::10]:80"} {
		c, err := w.Outside.DialWithin(5*time.Second, "tcp", "", vip)
		must(t, err)
		must(t, c.SetDeadline(time.Now().Add(20*time.Second)))
		line := make([]byte, 0, 64)
		for b := make([]byte, 1); ; {
			_, err := c.Read(b)
			must(t, err)
			if b[0] == '\n' {
				break
			}
			line = append(line, b[0])
		}
		if got, want := string(line), c.LocalAddr().String(); got != want {
			t.Errorf("%s: the real server took %s for the client, which is %s", vip, got, want)
		}
		sent, got := make([]byte, 300_000), make([]byte, 300_000)
		_, err = rand.Read(sent)
		must(t, err)
		go c.Write(sent)
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(sent, got) {
			t.Errorf("%s: the bytes that came back are not those that were sent: %v", vip, err)
		}
		c.Close()
	}
	counted := func(when string) {
		t.Helper()
		must(t, w.Gateway.Do(func() error {
			all, err := Counts("t")
			if c := all[p.Services[0].ID()]; err != nil || c.SYN != 2 || c.First < 2 || c.Options+c.Size+c.Failed != 0 {
				t.Errorf("%s two connections were counted as %+v, %v", when, c, err)
			}
			return nil
		}))
	}
	counted("at one interface")
	p.Interfaces = append(p.Interfaces, "wan0")
	tells(t, w.Gateway, p)
	counted("at two interfaces")
	p.Services[0].Servers = append(p.Services[0].Servers, netip.MustParseAddr("192.168.1.2"))
	tells(t, w.Gateway, p)
	counted("by another program")
}
