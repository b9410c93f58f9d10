package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/soak"
)

// pairPolicy has a service in mode nat, one in mode fullnat and a zone, for both families.
const pairPolicy = `
version: 1
nodes: {gw1: {}, gw2: {}}
fleet: {mode: active-backup}
gateway: {uplinks: [wan]}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1-198.51.100.4}
  - {name: office6, from: fd01::/64, laddrs: 2001:db8:99::1}
services:
  - {name: nat, vip: [203.0.113.65, "2001:db8:d::65"], ports: [tcp/80, udp/80], mode: nat, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1", "fd05::2"]}
  - {name: fullnat, vip: [203.0.113.66, "2001:db8:d::66"], ports: [tcp/80, udp/80], mode: fullnat, laddrs: [192.168.2.9, "fd06::9"], real_servers: [192.168.1.1, 192.168.1.2, "fd05::1", "fd05::2"]}
`

// pair is a pair of gateways with a policy, and keepalived and conntrackd as snatctl configures them.
type pair struct {
	*nstest.Pair
	policies [2]string // files
	state    [2]string // directories
	sync     bool      // with conntrackd
}

// startPair starts a pair whose first gateway is primary.
func startPair(t *testing.T, policy string, sync bool) *pair {
	t.Helper()
	t.Parallel()
	p := &pair{Pair: nstest.NewPair(t), sync: sync}
	program(t)
	for _, h := range []*nstest.Host{p.Outside, p.Inside, p.RS[0], p.RS[1]} {
		for _, addr := range []string{":80", ":7"} {
			must(t, h.ServeTCP(addr))
		}
	}
	for _, rs := range p.RS {
		must(t, rs.ServeUDP(":80"))
	}
	must(t, p.Outside.ServeUDP("203.0.113.2:80"))
	must(t, p.Outside.ServeUDP("[2001:db8:c::2]:80"))
	for i := range p.Gateways {
		p.state[i] = t.TempDir()
		p.bring(t, i, policy)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for i := range p.Gateways {
				t.Logf("%s\n%s", p.Said(i), p.ctl(t, i, "ha", "status").Stdout)
			}
		}
	})
	p.launch(t, 0)
	p.becomes(t, 0, "primary")
	p.launch(t, 1)
	p.becomes(t, 1, "backup")
	return p
}

// bring applies a policy on a gateway.
func (p *pair) bring(t *testing.T, i int, policy string) {
	t.Helper()
	p.policies[i] = policyFile(t, policy)
	if r := p.ctl(t, i, "apply", "-f", p.policies[i], "--node", p.Gateways[i].Name, "--state-dir", p.state[i]); r.Code != 0 {
		t.Fatalf("apply exits %d\n%s", r.Code, r.Stderr)
	}
}

func (p *pair) ctl(t testing.TB, i int, args ...string) nstest.Result {
	t.Helper()
	return ctl(t, p.Gateways[i], args...)
}

// launch starts the daemons of a gateway, with the configurations that snatctl prints.
func (p *pair) launch(t *testing.T, i int) {
	t.Helper()
	common := []string{"-f", p.policies[i], "--node", p.Gateways[i].Name}
	if p.sync {
		r := p.ctl(t, i, slices.Concat([]string{"ha", "conntrackd"}, common, []string{"--interface", "sync", "--peers", "gw1=172.31.0.1,gw2=172.31.0.2", "--ignore", "203.0.113.101,203.0.113.102"})...)
		if r.Code != 0 || r.Stderr != "" {
			t.Fatalf("ha conntrackd exits %d\n%s", r.Code, r.Stderr)
		}
		must(t, p.StartConntrackd(i, r.Stdout))
		until(t, "conntrackd to answer", func() bool { return p.status(t, i).Conntrackd != nil })
	}
	p.revive(t, i)
}

// revive starts keepalived of a gateway.
func (p *pair) revive(t *testing.T, i int) {
	t.Helper()
	common := []string{"-f", p.policies[i], "--node", p.Gateways[i].Name}
	args := slices.Concat([]string{"ha", "keepalived"}, common, []string{"--interface", "wan", "--peers", "gw1=203.0.113.101,gw2=203.0.113.102", "--notify", program(t)})
	for _, a := range nstest.Moving {
		args = append(args, "--address", a)
	}
	r := p.ctl(t, i, args...)
	if r.Code != 0 || r.Stderr != "" {
		t.Fatalf("ha keepalived exits %d\n%s", r.Code, r.Stderr)
	}
	call := program(t) + " ha notify"
	must(t, p.StartKeepalived(i, strings.ReplaceAll(r.Stdout, call, call+" "+strings.Join(p.flags(i), " ")+" --state-dir "+p.state[i])))
}

// flags are those of commands that ask conntrackd.
func (p *pair) flags(i int) []string {
	if p.sync {
		return []string{"--conntrackd-config", p.File(i, "conntrackd.conf")}
	}
	return []string{"--no-sync"}
}

// haStatus is what `snatctl ha status` prints.
type haStatus struct {
	Role  *string   `json:"role"`
	Since time.Time `json:"since"`
	Done  bool      `json:"done"`
	Gate  struct {
		State   string `json:"state"`
		Dropped int    `json:"dropped"`
	} `json:"gate"`
	Conntrackd *struct {
		Own  int `json:"own_flows"`
		Peer int `json:"peer_flows"`
	} `json:"conntrackd"`
	Steps []struct {
		Step  string  `json:"step"`
		Took  float64 `json:"took_s"`
		Count *int    `json:"count"`
	} `json:"steps"`
	Problems []string `json:"problems"`
}

func (p *pair) status(t testing.TB, i int) (s haStatus) {
	t.Helper()
	r := p.ctl(t, i, slices.Concat([]string{"ha", "status", "--format", "json"}, p.flags(i))...)
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil || r.Code == 0 != (len(s.Problems) == 0) {
		t.Fatalf("ha status exits %d: %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return s
}

// announced waits until a gateway that became primary has said so twice: keepalived does it again after 5 s
// (vrrp_garp_master_delay), and moves the clients of another one that is primary by then.
func (p *pair) announced(t *testing.T, i int) {
	t.Helper()
	time.Sleep(time.Until(p.status(t, i).Since.Add(6 * time.Second)))
}

// becomes waits for a gateway to have taken a role.
func (p *pair) becomes(t *testing.T, i int, role string) haStatus {
	t.Helper()
	var s haStatus
	eventually(t, p.Gateways[i].Name+" to be "+role, func() bool {
		s = p.status(t, i)
		return s.Role != nil && *s.Role == role && s.Done
	})
	if len(s.Problems) > 0 {
		t.Errorf("%s is %s, with problems: %q", p.Gateways[i].Name, role, s.Problems)
	}
	return s
}

// chats are connections of all kinds, by what they are.
type chats map[string][]*nstest.Chat

// talk opens so many connections of each kind over TCP, and a few over UDP.
func (p *pair) talk(t *testing.T, tcp int) chats {
	t.Helper()
	all := make(chats)
	for _, k := range []struct {
		what   string
		client *nstest.Host
		to     string
	}{
		{"nat", p.Outside, "203.0.113.65:80"}, {"fullnat", p.Outside, "203.0.113.66:80"}, {"zone", p.Inside, "203.0.113.2:80"},
		{"nat6", p.Outside, "[2001:db8:d::65]:80"}, {"fullnat6", p.Outside, "[2001:db8:d::66]:80"}, {"zone6", p.Inside, "[2001:db8:c::2]:80"},
	} {
		n := tcp
		if strings.HasSuffix(k.what, "6") {
			n = max(1, tcp/10)
		}
		for _, network := range []string{"tcp", "udp"} {
			if network == "udp" {
				n = max(2, n/10)
			}
			for range n {
				c, err := k.client.OpenChat(network, "", k.to, 400*time.Millisecond)
				if err != nil {
					t.Fatalf("%s over %s: %v", k.what, network, err)
				}
				t.Cleanup(func() { c.Close() })
				all[network+" "+k.what] = append(all[network+" "+k.what], c)
			}
		}
	}
	return all
}

// hold has nobody say anything more, once all that was said is answered; release takes that back.
func (all chats) hold() {
	for _, list := range all {
		for _, c := range list {
			c.Hold()
		}
	}
}

func (all chats) release() {
	for _, list := range all {
		for _, c := range list {
			c.Release()
		}
	}
}

// goOn waits until every connection was answered again after now, and returns the gaps, of all that are not lost.
func (all chats) goOn(t *testing.T) (gaps []time.Duration, lost map[string]int) {
	t.Helper()
	lost = make(map[string]int)
	var why []string
	before := make(map[*nstest.Chat]int)
	for _, list := range all {
		for _, c := range list {
			before[c] = c.Words()
		}
	}
	for what, list := range all {
		for _, c := range list {
			eventually(t, what+" to go on", func() bool { return c.Lost() != nil || c.Words() >= before[c]+2 })
			if err := c.Lost(); err != nil {
				lost[what]++
				why = append(why, fmt.Sprintf("%s: %v", what, err))
				continue
			}
			gaps = append(gaps, c.Gap())
		}
	}
	if len(why) > 0 {
		t.Logf("lost: %s", strings.Join(why[:min(len(why), 10)], "; "))
	}
	slices.Sort(gaps)
	return gaps, lost
}

// survive fails unless all connections go on.
func (all chats) survive(t *testing.T, what string) {
	t.Helper()
	gaps, lost := all.goOn(t)
	n := 0
	for _, l := range all {
		n += len(l)
	}
	if len(lost) > 0 {
		t.Errorf("%s: of %d connections were lost: %v", what, n, lost)
	}
	if len(gaps) > 0 {
		t.Logf("%s: %d of %d connections go on; the gap was %v in the middle, at most %v", what, len(gaps), n, gaps[len(gaps)/2].Round(time.Millisecond), gaps[len(gaps)-1].Round(time.Millisecond))
	}
}

// The active gateway dies: the other one has its flows before it forwards anything.
func TestPairTakeover(t *testing.T) {
	p := startPair(t, pairPolicy, true)
	n := soak.Count(30, 60)
	all := p.talk(t, n)
	all.goOn(t)
	p.synced(t, 1, 3*n)
	events := watching(t, p.Gateways[1], nil, "--format", "jsonl")
	must(t, p.Unplug(0, "wan", "lan", "rs", "sync"))
	p.becomes(t, 1, "primary")
	all.survive(t, "links cut")
	all.taken(t, events)
}

// taken checks that a watcher on the gateway that took over calls the connections taken, and not new.
func (all chats) taken(t *testing.T, events *background) {
	t.Helper()
	kinds := make(map[string]string) // of the first event, by the client's port
	for _, line := range events.lines(t) {
		var e struct{ Event, Proto, Src string }
		must(t, json.Unmarshal([]byte(line), &e))
		if key := e.Proto + " " + e.Src; kinds[key] == "" {
			kinds[key] = e.Event
		}
	}
	for what, list := range all {
		for _, c := range list {
			proto, _, _ := strings.Cut(what, " ")
			if kind := kinds[proto+" "+c.Local()]; kind != "taken" {
				t.Errorf("the watcher calls %s of %s %q, not taken", what, c.Local(), kind)
			}
		}
	}
}
