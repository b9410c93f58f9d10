package integration

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// drainPolicy is what three gateways carry out together; %s is the state of gw3.
const drainPolicy = `
version: 1
gateway: {uplinks: core}
nodes:
  gw1: {router_id: 172.16.0.1, address: [172.16.0.1, "fd16::1"]}
  gw2: {router_id: 172.16.0.2, address: [172.16.0.2, "fd16::2"]}
  gw3: {router_id: 172.16.0.3, address: [172.16.0.3, "fd16::3"], state: %s}
laddrs:
  web:
    nodes:
      gw1: [192.168.2.0/28, "fd06:0:0:1::/124"]
      gw2: [192.168.2.16/28, "fd06:0:0:2::/124"]
      gw3: [192.168.2.32/28, "fd06:0:0:3::/124"]
services:
  - {name: web, vip: [203.0.114.65, "2001:db8:114::65"], ports: tcp/80, mode: fullnat, laddrs: web, scheduler: mh, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1", "fd05::2"]}
`

// drainFleet is three gateways with drainPolicy, whose VIPs the test announces itself.
type drainFleet struct {
	*nstest.Fleet
	t *testing.T
}

// newDrainFleet has real servers that answer, and gateways without a policy.
func newDrainFleet(t *testing.T) drainFleet {
	f := drainFleet{nstest.NewFleet(t, nstest.FleetOptions{Resilient: true}), t}
	must(t, f.RS[0].ServeTCP(":80"))
	must(t, f.RS[1].ServeTCP(":80"))
	return f
}

// startDrainFleet is newDrainFleet whose gateways all work.
func startDrainFleet(t *testing.T) drainFleet {
	f := newDrainFleet(t)
	for i := range f.Gateways {
		f.apply(i, "active")
		f.announce(i, true)
	}
	f.via(0, 1, 2)
	return f
}

// apply applies the policy on a gateway, with a state of gw3.
func (f drainFleet) apply(i int, state string) {
	f.t.Helper()
	apply(f.t, f.Gateways[i], fmt.Sprintf(drainPolicy, state), "--node", f.Node(i))
}

// announce announces the VIPs of a gateway, or withdraws them. In both cases the gateway itself has them nowhere.
func (f drainFleet) announce(i int, on bool) {
	f.t.Helper()
	conf := ""
	if on {
		conf = "protocol static snatctl_vips { ipv4; route 203.0.114.65/32 blackhole; }\n" +
			"protocol static snatctl_vips6 { ipv6; route 2001:db8:114::65/128 blackhole; }\n"
	}
	must(f.t, os.WriteFile(filepath.Join(f.Files(i), "snatctl.conf"), []byte(conf), 0o644))
	_, err := f.Birdc(f.t.Context(), i, "configure")
	must(f.t, err)
}

// via waits until the router sends what calls the VIPs to some gateways.
func (f drainFleet) via(want ...int) {
	f.t.Helper()
	for _, vip := range []string{"203.0.114.65/32", "2001:db8:114::65/128"} {
		until(f.t, fmt.Sprintf("the router to send %s to %v", vip, want), func() bool {
			got, err := f.Via(vip)
			return err == nil && slices.Equal(got, want)
		})
	}
}

// fleetCall is a connection of a client, and the gateway that has it.
type fleetCall struct {
	net.Conn
	node int
}

// calls opens connections to the VIPs, each from another address. Three quarters are IPv4.
func (f drainFleet) calls(n, from int) (out []fleetCall) {
	f.t.Helper()
	for i := range n {
		laddr, vip := fmt.Sprintf("203.0.113.%d:0", 128+(from+i)%120), "203.0.114.65:80"
		if i%4 == 3 {
			laddr, vip = fmt.Sprintf("[2001:db8:c:0:8000::%x]:0", from+i+1), "[2001:db8:114::65]:80"
		}
		c, err := f.Outside.Dial("tcp", laddr, vip)
		must(f.t, err)
		f.t.Cleanup(func() { c.Close() })
		a, err := nstest.AskOn(c)
		must(f.t, err)
		must(f.t, c.SetDeadline(time.Time{}))
		laddrOf := a.Peer.Addr()
		node := int(laddrOf.AsSlice()[3]) / 16
		if laddrOf.Is6() {
			node = int(laddrOf.As16()[7]) - 1
		}
		out = append(out, fleetCall{c, node})
	}
	return out
}

// lost says over every connection something that must come back, and counts those of each gateway where it
// does not.
func lost(calls []fleetCall) (of [3]int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range calls {
		wg.Go(func() {
			_ = c.SetDeadline(time.Now().Add(15 * time.Second))
			said, heard := "still there?", make([]byte, len("still there?"))
			_, err := io.WriteString(c, said)
			if err == nil {
				_, err = io.ReadFull(c, heard)
			}
			if err != nil || string(heard) != said {
				mu.Lock()
				of[c.node]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return of
}

func perNode(calls []fleetCall) (of [3]int) {
	for _, c := range calls {
		of[c.node]++
	}
	return of
}

// While a node drains, the others send it the packets of its connections: none of 200 is lost, and new ones go
// to the others.
func TestDrainNode(t *testing.T) {
	f := startDrainFleet(t)
	calls := f.calls(200, 0)
	had := perNode(calls)
	if slices.Min(had[:]) < 20 {
		t.Fatalf("the router does not spread connections: %v", had)
	}
	for i := range 2 {
		r := snatctl(t, f.Gateways[i], fmt.Sprintf(drainPolicy, "drain"), "diff", "--node", f.Node(i))
		if r.Code != 1 || !strings.Contains(r.Stdout, "+ node gw3: packets to 2 VIPs that belong to no connection here go to it") || !strings.Contains(r.Stdout, "+ node gw3: table 20099: default via 172.16.0.3 dev core onlink") {
			t.Errorf("diff exits %d and says\n%s", r.Code, r.Stdout)
		}
		f.apply(i, "drain")
		wantDiff(t, f.Gateways[i], fmt.Sprintf(drainPolicy, "drain"), 0, "--node", f.Node(i))
	}
	f.apply(2, "drain")
	f.announce(2, false)
	f.via(0, 1)
	if got := lost(calls); got != [3]int{} {
		t.Errorf("of %v connections of the three gateways %v were lost", had, got)
	}
	if fresh := perNode(f.calls(60, 100)); fresh[2] > 0 || fresh[0] == 0 || fresh[1] == 0 {
		t.Errorf("new connections went to the gateways %v", fresh)
	}
	// It comes back. The router moves connections of its own accord, some at once and others never: either way
	// they find it.
	for i := range f.Gateways {
		f.apply(i, "return")
	}
	f.announce(2, true)
	f.via(0, 1, 2)
	kept := slices.DeleteFunc(calls, func(c fleetCall) bool { return c.node != 2 })
	if got := lost(kept); got != [3]int{} {
		t.Errorf("of %d connections of the gateway that is back %d were lost", len(kept), got[2])
	}
	until(t, "new connections to the gateway that is back", func() bool { return perNode(f.calls(20, 0))[2] > 0 })
}

// Without a second chance a node that withdraws its VIPs loses all of its connections at once.
func TestWithdrawNode(t *testing.T) {
	f := startDrainFleet(t)
	calls := f.calls(60, 0)
	had := perNode(calls)
	f.announce(2, false)
	f.via(0, 1)
	if got := lost(calls); got != [3]int{0, 0, had[2]} || had[2] == 0 {
		t.Errorf("of %v connections of the three gateways %v were lost", had, got)
	}
}
