package integration

import (
	"net"
	"testing"
	"time"
)

// On a flowtable real servers learn who called as ever: the packets that it takes pass the program, too. What
// follows passes no chain, and comes through whole.
func TestClientAddressOffload(t *testing.T) {
	s := newFlowtableSite(t)
	for _, rs := range s.RS[:2] {
		must(t, rs.ServeCallers(":81"))
	}
	policy := toaPolicy + "gateway: {offload: software}\n"
	apply(t, s.Gateway, policy)
	wantDiff(t, s.Gateway, policy, 0)
	var open []net.Conn
	for _, to := range []string{"203.0.113.10:81", "[2001:db8::10]:81"} {
		c := knownCall(t, s, to)
		defer c.Close()
		must(t, echoes(c, 1000))
		open = append(open, c)
	}
	nft(t, s.Gateway, watchForward)
	for _, c := range open {
		must(t, c.SetDeadline(time.Now().Add(patience)))
		must(t, echoes(c, 300_000))
	}
	if n := forwarded(t, s.Gateway); n != 0 {
		t.Errorf("%d packets of offloaded connections passed the chains\n%s", n, output(t, s.Gateway, "conntrack", "-L"))
	}
	if c := status(t, s.Gateway).Services[0].Told; c.SYN < 2 || c.First < 2 || c.NoRoom+c.TooLarge+c.Failed != 0 {
		t.Errorf("two connections were counted as %+v", c)
	}
}
