package integration

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/internal/nstest"
)

// statusReport is what `status --format json` prints. Fields that it lacks are errors.
type statusReport struct {
	Services []struct {
		Name      string   `json:"name"`
		VIP       []string `json:"vip"`
		Ports     []string `json:"ports"`
		Mode      string   `json:"mode"`
		Scheduler string   `json:"scheduler"`
		Flows     int      `json:"flows"`
		New       int      `json:"new_connections"`
		Servers   []struct {
			Address string `json:"address"`
			Port    int    `json:"port"`
			Weight  int    `json:"weight"`
			Flows   int    `json:"flows"`
			New     int    `json:"new_connections"`
			In      int    `json:"bytes_in"`
			Out     int    `json:"bytes_out"`
			kept
		} `json:"real_servers"`
		Limits []ct.Limit `json:"limits"`
		Told   ct.Told    `json:"client_address"`
		Quorum any        `json:"quorum"`
		Sorry  *bool      `json:"sorry"`
	} `json:"services"`
	Zones []struct {
		Name   string     `json:"name"`
		Action string     `json:"action"`
		Flows  int        `json:"flows"`
		New    int        `json:"new_connections"`
		Limits []ct.Limit `json:"limits"`
		Laddrs []struct {
			Address string  `json:"address"`
			Flows   int     `json:"flows"`
			Busiest *string `json:"busiest_destination"`
			Ports   int     `json:"busiest_destination_ports"`
		} `json:"laddrs"`
	} `json:"zones"`
	Conntrack struct {
		Entries      int `json:"entries"`
		Max          int `json:"max"`
		InsertFailed int `json:"insert_failed"`
	} `json:"conntrack"`
	Agent any `json:"agent"`
}

// kept is what an agent knows of a real server; null without one.
type kept struct {
	Health     *string `json:"health"`
	LastCheck  *string `json:"last_check"`
	LastChange *string `json:"last_change"`
	CheckError *string `json:"check_error"`
	Override   any     `json:"override"`
}

func status(t testing.TB, h *nstest.Host, args ...string) (r statusReport) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(prints(t, h, append([]string{"status", "--format", "json"}, args...)...)))
	d.DisallowUnknownFields()
	must(t, d.Decode(&r))
	return r
}

// lines writes every number of a report, one object a line.
func (r *statusReport) lines() string {
	var b strings.Builder
	for _, s := range r.Services {
		fmt.Fprintf(&b, "service %s %v %v %s %s: %d flows, %d new\n", s.Name, s.VIP, s.Ports, s.Mode, s.Scheduler, s.Flows, s.New)
		for _, rs := range s.Servers {
			fmt.Fprintf(&b, "  %s %d *%d: %d flows, %d new, %d in, %d out\n", rs.Address, rs.Port, rs.Weight, rs.Flows, rs.New, rs.In, rs.Out)
		}
	}
	for _, z := range r.Zones {
		fmt.Fprintf(&b, "zone %s %s: %d flows, %d new\n", z.Name, z.Action, z.Flows, z.New)
		for _, l := range z.Laddrs {
			busiest := "-"
			if l.Busiest != nil {
				busiest = *l.Busiest
			}
			fmt.Fprintf(&b, "  %s: %d flows, %d ports toward %s\n", l.Address, l.Flows, l.Ports, busiest)
		}
	}
	fmt.Fprintf(&b, "conntrack: %d of %d, %d failed\n", r.Conntrack.Entries, r.Conntrack.Max, r.Conntrack.InsertFailed)
	return b.String()
}

// conntrackStat adds up a counter of `conntrack -S` over the processors.
func conntrackStat(t testing.TB, h *nstest.Host, name string) (sum int) {
	t.Helper()
	for _, m := range regexp.MustCompile(`\b`+name+`=(\d+)`).FindAllStringSubmatch(output(t, h, "conntrack", "-S"), -1) {
		n, err := strconv.Atoi(m[1])
		must(t, err)
		sum += n
	}
	return sum
}

// conntrackMax returns the most flows that the kernel takes.
func conntrackMax(t testing.TB, h *nstest.Host) int {
	t.Helper()
	s, err := h.ReadSysctl("net/netfilter/nf_conntrack_max")
	must(t, err)
	n, err := strconv.Atoi(s)
	must(t, err)
	return n
}

// carried adds up what conntrack says that flows to a real server have carried.
func carried(t testing.TB, h *nstest.Host, server string) (in, out int) {
	t.Helper()
	flows, err := h.Flows(t.Context())
	must(t, err)
	for _, f := range flows {
		if m := regexp.MustCompile(`bytes=(\d+)`).FindAllStringSubmatch(f.Raw, -1); f.Reply.Src.String() == server && len(m) == 2 {
			i, _ := strconv.Atoi(m[0][1])
			o, _ := strconv.Atoi(m[1][1])
			in, out = in+i, out+o
		}
	}
	return in, out
}

const statusPolicy = `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  few: {addresses: [198.51.100.1, 198.51.100.3], ports: 40000-40063}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: few}
  - {name: guests, from: 10.2.0.0/16, laddrs: ["198.51.100.2"]}
  - {name: dark, from: 10.66.0.0/16, action: drop}
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, scheduler: wrr,
     real_servers: [{address: 192.168.1.1, weight: 2}, {address: 192.168.1.2, port: 8080}, {address: 192.168.1.3, weight: 0}]}
  - {name: dns, vip: [203.0.113.1, "2001:db8::1"], ports: [udp/53, tcp/53], mode: fullnat, laddrs: [192.168.2.9, "fd06::9"],
     real_servers: ["192.168.1.3:5353", "[fd05::3]:5353"]}
`

// hold opens connections that stay open, each answered once.
func hold(t testing.TB, h *nstest.Host, n int, network, from, to string) {
	t.Helper()
	for range n {
		c, err := h.Dial(network, from, to)
		must(t, err)
		t.Cleanup(func() { c.Close() })
		if _, err := nstest.AskOn(c); err != nil {
			t.Fatalf("%s to %s: %v", network, to, err)
		}
	}
}

// Every number of status is what the test has done, or what conntrack and the kernel say.
func TestStatusNumbers(t *testing.T) {
	s := startSite(t, statusPolicy)
	hold(t, s.Office, 6, "tcp", "", "203.0.113.1:80")
	hold(t, s.Guests, 4, "udp", "", "203.0.113.1:53")
	hold(t, s.Outside, 2, "tcp", "", "[2001:db8::1]:53")
	hold(t, s.Office, 5, "tcp", "", "8.8.8.8:53")
	hold(t, s.Office, 3, "udp", "", "8.8.8.8:53")
	hold(t, s.Guests, 2, "udp", "", "9.9.9.9:53")
	s.check(t, packet{s.Lab, "udp 8.8.8.8:53", "silent"})

	// The last packets may be under way still: an acknowledgement that waits for company.
	want, report := s.numbers(t), status(t, s.Gateway)
	for deadline := time.Now().Add(nstest.Patience); report.lines() != want && time.Now().Before(deadline); {
		want, report = s.numbers(t), status(t, s.Gateway)
	}
	if diff := gocmp.Diff(want, report.lines()); diff != "" {
		t.Errorf("the kernel and the test say (-), status (+):\n%s", diff)
	}
	text := prints(t, s.Gateway, "status")
	for _, line := range []string{
		"service web: nat, wrr at 203.0.113.1 tcp/80; 6 flows, 6 new connections",
		"zone office: snat; 8 flows, 8 new connections",
		"zone dark: drop; 0 flows, 1 new connection",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("status prints\n%s\nwithout the line %q", text, line)
		}
	}
	for _, row := range []string{
		`192\.168\.1\.1:80 +2 +66\.7% +4 +66\.7% +4 +\d.*`,
		`192\.168\.1\.3:80 +0 drains +0\.0% +0 +0\.0% +0 +0 B +0 B`,
		`192\.168\.2\.9 +4 +192\.168\.1\.3:5353/udp +4 of 64,512 \(0\.0%\)`,
	} {
		if !regexp.MustCompile(`(?m)^  ` + row + `$`).MatchString(text) {
			t.Errorf("status prints\n%s\nwithout a row %s", text, row)
		}
	}
	if only := status(t, s.Gateway, "--service", "dns"); len(only.Services) != 1 || len(only.Zones) != 0 || only.Services[0].Flows != 6 {
		t.Errorf("--service dns prints %+v", only)
	}
	if r := ctl(t, s.Gateway, "status", "--zone", "offcie"); r.Code != 1 || !strings.Contains(r.Stderr, `no zone "offcie"`) {
		t.Errorf("a zone that is not there: status %d, %s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// numbers is what status should say of statusPolicy after the calls of TestStatusNumbers, by conntrack.
func (s *site) numbers(t *testing.T) string {
	t.Helper()
	in := map[string]int{}
	out := map[string]int{}
	for _, server := range []string{"192.168.1.1:80", "192.168.1.2:8080", "192.168.1.3:5353", "[fd05::3]:5353"} {
		in[server], out[server] = carried(t, s.Gateway, server)
		if in[server] == 0 || out[server] == 0 {
			t.Fatalf("conntrack says that %s has carried nothing", server)
		}
	}
	laddr := "198.51.100.1"
	flows, err := s.Gateway.Flows(t.Context())
	must(t, err)
	for _, f := range flows {
		if f.Reply.Dst.Addr().String() == "198.51.100.3" {
			laddr = "198.51.100.3" // the kernel chose it
		}
	}
	busy := map[string]string{"198.51.100.1": "0 flows, 0 ports toward -", "198.51.100.3": "0 flows, 0 ports toward -"}
	busy[laddr] = "8 flows, 5 ports toward 8.8.8.8:53/tcp"
	return fmt.Sprintf(`service dns [203.0.113.1 2001:db8::1] [tcp/53 udp/53] fullnat rr: 6 flows, 6 new
  192.168.1.3 5353 *1: 4 flows, 4 new, %d in, %d out
  fd05::3 5353 *1: 2 flows, 2 new, %d in, %d out
service web [203.0.113.1] [tcp/80] nat wrr: 6 flows, 6 new
  192.168.1.1 80 *2: 4 flows, 4 new, %d in, %d out
  192.168.1.2 8080 *1: 2 flows, 2 new, %d in, %d out
  192.168.1.3 80 *0: 0 flows, 0 new, 0 in, 0 out
zone dark drop: 0 flows, 1 new
zone guests snat: 2 flows, 2 new
  198.51.100.2: 2 flows, 2 ports toward 9.9.9.9:53/udp
zone office snat: 8 flows, 8 new
  198.51.100.1: %s
  198.51.100.3: %s
conntrack: %d of %d, %d failed
`, in["192.168.1.3:5353"], out["192.168.1.3:5353"], in["[fd05::3]:5353"], out["[fd05::3]:5353"],
		in["192.168.1.1:80"], out["192.168.1.1:80"], in["192.168.1.2:8080"], out["192.168.1.2:8080"],
		busy["198.51.100.1"], busy["198.51.100.3"], len(flows), conntrackMax(t, s.Gateway), conntrackStat(t, s.Gateway, "insert_failed"))
}

// What is no real server any more, and has flows, is shown as such.
func TestStatusServerGone(t *testing.T) {
	policy := func(server string) string {
		return `
version: 1
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: ` + server + `}
`
	}
	s := startSite(t, policy("192.168.1.1"))
	hold(t, s.Office, 3, "tcp", "", "203.0.113.1:80")
	apply(t, s.Gateway, policy("192.168.1.2"), "--no-cleanup")
	text := prints(t, s.Gateway, "status")
	if !regexp.MustCompile(`(?m)^  192\.168\.1\.1:80 +not listed +3 `).MatchString(text) || !strings.Contains(text, " 3 no longer in policy,") {
		t.Errorf("status prints\n%s", text)
	}
	if report := status(t, s.Gateway); len(report.Services[0].Servers) != 1 || report.Services[0].Flows != 3 {
		t.Errorf("as JSON %+v", report.Services)
	}
}

// A laddr whose ports are used up is fine, then a warning, then critical, and status names
// it, its pool, where to, and how many were refused.
func TestStatusExhaustion(t *testing.T) {
	const policy = `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  few: {addresses: 198.51.100.1, ports: 40000-40063}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: few}
`
	s := startSite(t, policy)
	check := func(code int, want string) {
		t.Helper()
		r := ctl(t, s.Gateway, "status", "--check")
		want += fmt.Sprintf("; new connections refused since boot: insert_failed %d, drop %d | entries=", conntrackStat(t, s.Gateway, "insert_failed"), conntrackStat(t, s.Gateway, "drop"))
		t.Logf("$ snatctl status --check\n%s", r.Stdout)
		if r.Code != code || !strings.HasPrefix(r.Stdout, want) || r.Stderr != "" {
			t.Errorf("--check exits %d and prints\n%s%s\nwant %d\n%s", r.Code, r.Stdout, r.Stderr, code, want)
		}
		if r := ctl(t, s.Gateway, "status", "--check", "--format", "json"); r.Code != code || !json.Valid([]byte(r.Stdout)) {
			t.Errorf("--check --format json exits %d and prints %s", r.Code, r.Stdout)
		}
	}
	output(t, s.Gateway, "ip", "route", "add", "blackhole", "198.51.100.1") // it is routed here
	const laddr = "zone office: laddr 198.51.100.1 of pool few uses %d of 64 ports toward 8.8.8.8:53/udp; give it more laddrs"
	hold(t, s.Office, 51, "udp", "", "8.8.8.8:53")
	check(0, "OK: no problems")
	hold(t, s.Office, 1, "udp", "", "8.8.8.8:53")
	check(1, "WARNING: "+fmt.Sprintf(laddr, 52))
	hold(t, s.Office, 12, "udp", "", "8.8.8.8:53")
	for range 3 {
		c, err := s.Office.Dial("udp", "", "8.8.8.8:53")
		must(t, err)
		defer c.Close()
		if a, err := nstest.AskWithin(nstest.Silence, c); err == nil {
			t.Errorf("beyond the last port %v answers", a)
		}
	}
	if n := conntrackStat(t, s.Gateway, "insert_failed") + conntrackStat(t, s.Gateway, "drop"); n == 0 {
		t.Error("the kernel counts no refused connections")
	}
	check(2, "CRITICAL: "+fmt.Sprintf(laddr, 64))
	text := prints(t, s.Gateway, "status")
	if !regexp.MustCompile(`(?m)^  198\.51\.100\.1 +64 +8\.8\.8\.8:53/udp +64 of 64 \(100\.0%\)$`).MatchString(text) ||
		!strings.HasSuffix(text, "\ncritical: "+fmt.Sprintf(laddr, 64)+"\n") {
		t.Errorf("status prints\n%s", text)
	}
	x := onTerminal(t, s.Gateway, 120, 24, program(t), "status", "--watch", "500ms")
	x.shows("critical: zone office: ")
	x.press("\x03")
	x.ends(0)
	if n := strings.Count(x.raw.String(), "\x1b[31m"); n < 2 || strings.Contains(text, "\x1b") {
		t.Errorf("on a terminal %d cells and lines are red; elsewhere: %q", n, text)
	}
	report := status(t, s.Gateway)
	if l := report.Zones[0].Laddrs[0]; l.Flows != 64 || l.Ports != 64 || l.Busiest == nil || *l.Busiest != "8.8.8.8:53/udp" {
		t.Errorf("as JSON %+v", l)
	}
}

func TestStatusNoTable(t *testing.T) {
	h := startGateway(t, "")
	for _, c := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"status"}, 1, "", "snatctl: there is no table inet snatctl: make it with `snatctl apply -f FILE`, or name another with --table or -f FILE\n"},
		{[]string{"status", "--watch", "1s", "--table", "edge"}, 1, "", "snatctl: there is no table inet edge: make it with `snatctl apply -f FILE`, or name another with --table or -f FILE\n"},
		{[]string{"status", "--check"}, 2, "CRITICAL: there is no table inet snatctl: make it with `snatctl apply -f FILE`, or name another with --table or -f FILE\n", ""},
	} {
		if r := ctl(t, h, c.args...); r.Code != c.code || r.Stdout != c.stdout || r.Stderr != c.stderr {
			t.Errorf("%v exits %d and prints\n%s%s", c.args, r.Code, r.Stdout, r.Stderr)
		}
	}
}

// Behind a flood, a single look tells what the kernel's table has, and every flow is the
// zone's.
func TestStatusFlood(t *testing.T) {
	f := newFlooded(t, floodPolicy)
	w := start(t, f.Gateway, nil, program(t), "status", "--format", "json", "--watch", "200ms")
	f.send(100_000)
	report := status(t, f.Gateway)
	n, err := strconv.Atoi(strings.TrimSpace(output(t, f.Gateway, "conntrack", "-C")))
	must(t, err)
	if report.Conntrack.Entries != n || report.Zones[0].Flows != n || n != f.sent || report.Zones[0].New != n {
		t.Errorf("status says %s; conntrack -C %d, sent %d", report.lines(), n, f.sent)
	}
	until(t, "the picture that status paints again and again to be as large", func() bool {
		lines := fileLines(t, w.stdout)
		var last statusReport
		for _, line := range lines {
			last = statusReport{}
			must(t, json.Unmarshal([]byte(line), &last)) // one a line
		}
		return last.Conntrack.Entries == n && len(last.Zones) == 1 && last.Zones[0].Flows == n && last.Zones[0].New == n
	})
	if code := w.end(t, syscall.SIGTERM); code != 0 || w.said() != "" && !strings.HasPrefix(w.said(), "a look takes ") {
		t.Errorf("exit status %d: %s", code, w.said())
	}
}
