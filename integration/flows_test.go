package integration

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// flowsPolicy has every kind of owner that a flow can have.
const flowsPolicy = `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  pool: [198.51.100.1-198.51.100.2, 198.51.100.9, "2001:db8:99::1"]
  homes: {addresses: 198.51.100.64/31, block: 1024}
zones:
  - {name: lab, from: [10.66.5.9, "fd66::9"], action: accept}
  - {name: mapped, from: 10.2.5.0/24, map: 198.18.8.0/24}
  - {name: homes, from: 10.1.200.0/26, laddrs: homes}
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: pool}
  - {name: guests, from: "fd02::/64", action: masquerade}
services:
  - {name: web, vip: [203.0.113.1, "2001:db8::1"], ports: tcp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1"]}
  - {name: dns, vip: [203.0.113.2, "2001:db8::2"], ports: [udp/53, tcp/53], mode: fullnat, laddrs: [192.168.2.9, "fd06::9"], real_servers: ["192.168.1.3:5353", "[fd05::1]:5353"]}
`

// flowsCalls are connections of all kinds, and whose each is: what stands in place of %s is
// what the far end saw the caller as.
var flowsCalls = []struct {
	from  func(*site) *nstest.Host
	call  string
	owner string
}{
	{office, "tcp 8.8.8.8:80", "service -, zone office, real server -, laddr %s"},
	{office, "udp 9.9.9.9:53", "service -, zone office, real server -, laddr %s"},
	{office, "tcp [2001:db8:8::8]:80", "service -, zone office, real server -, laddr %s"},
	{office, "tcp 10.1.200.7 > 8.8.8.8:80", "service -, zone homes, real server -, laddr %s"},
	{office, "tcp 203.0.113.1:80", "service web, zone -, real server 192.168.1.1:80, laddr -"},
	{guests, "tcp 203.0.113.1:80", "service web, zone -, real server 192.168.1.2:80, laddr -"},
	{office, "tcp [2001:db8::1]:80", "service web, zone -, real server [fd05::1]:80, laddr -"},
	{office, "udp 203.0.113.2:53", "service dns, zone -, real server 192.168.1.3:5353, laddr %s"},
	{outside, "tcp [2001:db8::2]:53", "service dns, zone -, real server [fd05::1]:5353, laddr %s"},
	{guests, "tcp 8.8.8.8:80", "service -, zone mapped, real server -, laddr %s"},
	{guests, "udp [2001:db8:8::8]:53", "service -, zone guests, real server -, laddr %s"},
	{lab, "tcp 8.8.8.8:80", "service -, zone lab, real server -, laddr -"},
	{lab, "udp 10.66.200.1 > 8.8.8.8:53", "service -, zone -, real server -, laddr -"},
}

func office(s *site) *nstest.Host  { return s.Office }
func guests(s *site) *nstest.Host  { return s.Guests }
func lab(s *site) *nstest.Host     { return s.Lab }
func outside(s *site) *nstest.Host { return s.Outside }

// callAll makes all calls, and an echo request, and returns what flows should say of each, by
// conntrack's own list and flowsCalls.
func (s *site) callAll(t *testing.T) []string {
	t.Helper()
	var want []string
	for _, c := range flowsCalls {
		a, orig, err := ask(c.from(s), c.call)
		if err != nil {
			t.Fatalf("%s: %v", c.call, err)
		}
		f := s.flow(t, orig)
		if f == nil {
			t.Fatalf("%s: there is no flow", c.call)
		}
		owner := c.owner
		if strings.Contains(owner, "%s") {
			owner = fmt.Sprintf(owner, a.Peer.Addr())
		}
		want = append(want, tuples(*f)+": "+owner)
	}
	must(t, s.Office.Ping(t.Context(), "", "8.8.8.8"))
	flows, err := s.Gateway.Flows(t.Context())
	must(t, err)
	for _, f := range flows {
		if f.Proto == "icmp" {
			want = append(want, fmt.Sprintf("%s: service -, zone office, real server -, laddr %s", tuples(f), f.Reply.Dst.Addr()))
		}
	}
	slices.Sort(want)
	return want
}

func sorted(list []record) []string {
	var out []string
	for _, r := range list {
		out = append(out, r.String())
	}
	slices.Sort(out)
	return out
}

func wantSame(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// What flows, watch and lookup say of each connection is what conntrack holds, and what the
// policy had in mind.
func TestFlows(t *testing.T) {
	s := startSite(t, flowsPolicy)
	w := watching(t, s.Gateway, nil, "--format", "jsonl")
	want := s.callAll(t)
	list := decodeFlows(t, prints(t, s.Gateway, "flows", "--format", "json"))
	wantSame(t, "flows", sorted(list), want)
	s.counters(t, list)
	until(t, "events of all", func() bool { return len(s.began(t, w)) >= len(want) })
	wantSame(t, "watch", sorted(s.began(t, w)), want)
	if code := w.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("watch exits %d: %s", code, w.said())
	}
	s.selections(t, want)
	s.lookups(t, list)
}

// began returns the new flows that a watcher has reported.
func (s *site) began(t *testing.T, w *background) (out []record) {
	for _, r := range decodeEvents(t, w.lines(t)) {
		if *r.Event == "new" {
			out = append(out, r)
		}
	}
	return out
}

// counters holds packets and bytes against the conntrack tool's. Connections may still be
// closing, so only flows that carry nothing more are compared.
func (s *site) counters(t *testing.T, list []record) {
	t.Helper()
	all := output(t, s.Gateway, "conntrack", "-L", "-p", "udp")
	compared := 0
	for _, r := range list {
		if r.Proto != "udp" || r.PacketsIn == nil || strings.HasPrefix(r.Src, "[") {
			continue
		}
		compared++
		src := netip.MustParseAddrPort(r.Src)
		sent, answered := fmt.Sprintf("packets=%d bytes=%d ", *r.PacketsIn, *r.BytesIn), fmt.Sprintf("packets=%d bytes=%d ", *r.PacketsOut, *r.BytesOut)
		found := false
		for line := range strings.Lines(all) {
			_, there, ok := strings.Cut(line, fmt.Sprintf("sport=%d ", src.Port()))
			there, back, _ := strings.Cut(there, " src=")
			found = found || ok && strings.Contains(there+" ", sent) && strings.Contains(back, answered)
		}
		if !found {
			t.Errorf("conntrack has other counters for %s (%s there, %s back):\n%s", r, sent, answered, all)
		}
	}
	if compared == 0 {
		t.Error("no flow to compare counters of")
	}
}

// selections narrows the list by each flag and holds the result against the whole.
func (s *site) selections(t *testing.T, all []string) {
	t.Helper()
	for _, c := range []struct{ flag, value, has string }{
		{"--zone", "office", "zone office,"},
		{"--service", "web", "service web,"},
		{"--laddr", "192.168.2.9", "laddr 192.168.2.9"},
		{"--real-server", "192.168.1.2", "real server 192.168.1.2:80,"},
		{"--real-server", "[fd05::1]:5353", "real server [fd05::1]:5353,"},
		{"--client", "10.66.0.0/16", " 10.66."},
		{"--proto", "icmp", "icmp "},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(line string) bool { return !strings.Contains(line, c.has) })
		got := decodeFlows(t, prints(t, s.Gateway, "flows", c.flag, c.value, "--format", "json"))
		wantSame(t, c.flag+" "+c.value, sorted(got), want)
		if n := strings.TrimSpace(prints(t, s.Gateway, "flows", c.flag, c.value, "--count")); n != fmt.Sprint(len(want)) {
			t.Errorf("%s %s --count prints %s, want %d", c.flag, c.value, n, len(want))
		}
	}
}

// lookups asks who is behind every laddr and port that is in use, and some that are not.
func (s *site) lookups(t *testing.T, list []record) {
	t.Helper()
	plain := policyFile(t, "version: 1\n") // has no blocks, so it names the table only
	found := 0
	for _, r := range list {
		if r.Laddr == nil || r.Proto == "icmp" {
			continue
		}
		found++
		args := []string{"lookup", *r.TranslatedSrc, "--proto", r.Proto, "--format", "json"}
		if found%2 == 0 {
			args = append(args, "-f", plain)
		}
		got := decodeFlows(t, prints(t, s.Gateway, args...))
		if !slices.Contains(sorted(got), r.String()) {
			t.Errorf("lookup %s does not find %s, but %s", *r.TranslatedSrc, r, got)
		}
	}
	if found < 5 {
		t.Errorf("only %d flows have a laddr", found)
	}
	for _, c := range []struct {
		args []string
		code int
		says string // on standard output
	}{
		{[]string{"198.51.100.1:1"}, 1, ""},
		{[]string{"198.51.100.1:1", "--format", "json"}, 1, "[]\n"},
		{[]string{"198.51.100.64:3100"}, 0, "10.1.200.2 has 198.51.100.64:3072-4095, by zone homes\n"},
		{[]string{"nonsense"}, 2, ""},
		{[]string{"198.51.100.1:1", "--table", "other"}, 1, ""},
		{[]string{"198.51.100.1:1", "--format", "json", "-f", plain}, 1, "[]\n"},
		{[]string{"198.51.100.1:1", "--format", "json", "-f", policyFile(t, "version: 1\ngateway: {table: other}\n")}, 1, ""},
	} {
		r := ctl(t, s.Gateway, append([]string{"lookup"}, c.args...)...)
		if r.Code != c.code || r.Stdout != c.says {
			t.Errorf("lookup %v exits %d, want %d: %s%s", c.args, r.Code, c.code, r.Stdout, r.Stderr)
		}
	}
}

// A flow of an earlier policy says so, and --past finds it. A policy that comes while the
// watcher runs is in force for it at once.
func TestFlowsPast(t *testing.T) {
	s := startSite(t, "version: 1\nzones:\n  - {name: before, from: 10.1.0.0/16, laddrs: 198.51.100.1}\n")
	w := watching(t, s.Gateway, nil, "--format", "jsonl")
	call(t, s.Office, "udp 8.8.8.8:53")
	after := policyFile(t, "version: 1\nzones:\n  - {name: after, from: 10.2.0.0/16, laddrs: 198.51.100.2}\n")
	prints(t, s.Gateway, "apply", "-f", after, "--no-cleanup")
	call(t, s.Guests, "udp 8.8.8.8:53")
	past := decodeFlows(t, prints(t, s.Gateway, "flows", "--past", "--format", "json"))
	if len(past) != 1 || past[0].Zone != nil || or(past[0].Laddr) != "198.51.100.1" {
		t.Errorf("--past lists %v", past)
	}
	if text := prints(t, s.Gateway, "flows", "--past"); !strings.Contains(text, "no longer in policy") {
		t.Errorf("the text does not say so: %s", text)
	}
	until(t, "both", func() bool { return len(s.began(t, w)) >= 2 })
	var zones []string
	for _, r := range s.began(t, w) {
		zones = append(zones, or(r.Zone))
	}
	if !slices.Equal(zones, []string{"before", "after"}) {
		t.Errorf("the watcher saw zones %v: %s", zones, w.said())
	}
}

// logged is a line of the NAT log.
type logged struct {
	Event, Time, Proto string
	Service, Zone      *string
	Src                string
	TranslatedSrc      string  `json:"translated_src"`
	Dst                *string `json:"dst"`
	TranslatedDst      *string `json:"translated_dst"`
	Start, End         *string
	Duration           *float64 `json:"duration_s"`
	BytesIn            *uint64  `json:"bytes_in"`
	BytesOut           *uint64  `json:"bytes_out"`
	PacketsIn          *uint64  `json:"packets_in"`
	PacketsOut         *uint64  `json:"packets_out"`
}

func readLog(t testing.TB, path string) []logged {
	t.Helper()
	lines := natLines(t, path)
	out := make([]logged, len(lines))
	for i, line := range lines {
		if err := strictly(line, &out[i]); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return out
}

// The NAT log holds the begin and end of each translation with its laddr, no destinations
// unless asked for, and goes on in a new file after SIGHUP.
func TestNATLog(t *testing.T) {
	s := startSite(t, flowsPolicy)
	plain, full := t.TempDir()+"/nat.jsonl", t.TempDir()+"/full.jsonl"
	w := watching(t, s.Gateway, nil, "--log", plain)
	with := watching(t, s.Gateway, nil, "--log", full, "--destinations")
	a, orig, err := ask(s.Office, "udp 8.8.8.8:53")
	must(t, err)
	call(t, s.Office, "tcp 203.0.113.1:80") // keeps its client: not for the log
	call(t, s.Office, "udp 203.0.113.2:53")
	until(t, "two starts", func() bool { return len(readLog(t, plain)) == 2 && len(readLog(t, full)) == 2 })
	first := readLog(t, plain)[0]
	if first.Event != "new" || or(first.Zone) != "office" || first.Src != orig.Src.String() || first.TranslatedSrc != a.Peer.String() || first.Start == nil || first.End != nil {
		t.Errorf("the first line is %+v; the far end saw %s", first, a.Peer)
	}
	if second := readLog(t, plain)[1]; or(second.Service) != "dns" || !strings.HasPrefix(second.TranslatedSrc, "192.168.2.9:") {
		t.Errorf("the second line is %+v", second)
	}
	if text, _ := os.ReadFile(plain); strings.Contains(string(text), "8.8.8.8") || strings.Contains(string(text), "dst") {
		t.Errorf("destinations are logged: %s", text)
	}
	if dst := or(readLog(t, full)[0].Dst); dst != "8.8.8.8:53" {
		t.Errorf("--destinations logs %s", dst)
	}
	if info, err := os.Stat(plain); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the log's mode is %v, %v", info.Mode(), err)
	}

	must(t, os.Rename(plain, plain+".1"))
	must(t, w.cmd.Process.Signal(syscall.SIGHUP))
	until(t, "a new file", func() bool { _, err := os.Stat(plain); return err == nil })
	must(t, s.Gateway.FlushFlows(t.Context()))
	until(t, "two ends", func() bool { return len(readLog(t, plain)) == 2 })
	if n := len(readLog(t, plain+".1")); n != 2 {
		t.Errorf("the old file has %d lines", n)
	}
	for _, l := range readLog(t, plain) {
		if l.Event != "destroy" || l.Start == nil || l.End == nil || l.Duration == nil || l.BytesIn == nil || *l.BytesIn == 0 || *l.PacketsOut == 0 {
			t.Errorf("an end is %+v", l)
		}
	}
	if code := w.end(t, syscall.SIGTERM); code != 0 || len(w.lines(t)) != 0 {
		t.Errorf("watch exits %d and prints %q", code, w.lines(t))
	}
	with.end(t, syscall.SIGTERM)
	if r := ctl(t, s.Gateway, "watch", "--log", "/nowhere/nat.jsonl"); r.Code != 1 || !strings.Contains(r.Stderr, "/nowhere/nat.jsonl") {
		t.Errorf("a log that cannot be opened: exit %d, %s", r.Code, r.Stderr)
	}
}

// A log says when its watcher starts and stops, and what it finds when it starts: each flow that stands
// once, and none that begins meanwhile a second time.
func TestNATLogMarks(t *testing.T) {
	s := startSite(t, flowsPolicy)
	a, orig, err := ask(s.Office, "udp 8.8.8.8:53")
	must(t, err)
	call(t, s.Office, "tcp 203.0.113.1:80") // keeps its client: not for the log
	log := t.TempDir() + "/nat.jsonl"
	events := func() (all []string) {
		for _, line := range fileLines(t, log) {
			var l logged
			must(t, json.Unmarshal([]byte(line), &l))
			all = append(all, l.Event)
		}
		return all
	}
	w := watching(t, s.Gateway, nil, "--log", log)
	until(t, "what it finds", func() bool { return len(events()) == 2 })
	if l := readLog(t, log)[0]; l.Event != "found" || or(l.Zone) != "office" || l.Src != orig.Src.String() || l.TranslatedSrc != a.Peer.String() || l.Start == nil || l.End != nil {
		t.Errorf("it finds %+v", l)
	}
	call(t, s.Office, "udp 203.0.113.2:53")
	until(t, "a new one", func() bool { return len(events()) == 3 })
	if code := w.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("watch exits %d", code)
	}
	w = watching(t, s.Gateway, nil, "--log", log)
	until(t, "both", func() bool { return len(events()) == 7 })
	w.end(t, syscall.SIGINT)
	if got := strings.Join(events(), " "); got != "start found new stop start found found stop" {
		t.Errorf("the log has %s", got)
	}
}

// A full disk costs records and nothing else; when there is room again, the log says how many.
func TestNATLogFull(t *testing.T) {
	f := newFlooded(t, floodPolicy)
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	log := dir + "/nat.jsonl"
	w := watching(t, f.Gateway, nil, "--log", log)
	const flows = 2000
	f.send(flows)
	until(t, "the loss to be told", func() bool {
		return strings.Contains(w.said(), "no space left on device") && strings.Contains(w.said(), "lost ")
	})
	kept, told := logTally(t, log)
	must(t, os.Truncate(log, 0))
	f.send(1)
	until(t, "the log to go on", func() bool { n, _ := logTally(t, log); return n == 1 })
	_, more := logTally(t, log)
	if kept == 0 || told+more == 0 || kept+told+more != flows {
		t.Errorf("%d records kept and %d lost of %d: %s", kept, told+more, flows, w.said())
	}
	if code := w.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// logTally counts the records of a NAT log, and those that it says are missing. A line that
// was cut is an error.
func logTally(t *testing.T, path string) (records, missing int) {
	t.Helper()
	for _, line := range natLines(t, path) {
		var l struct {
			Event   string
			Records int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if l.Event == "lost" {
			missing += l.Records
		} else {
			records++
		}
	}
	return records, missing
}

// Without a table there is nothing to report, and the message says what to do.
func TestReportsWithoutTable(t *testing.T) {
	h := startGateway(t, "")
	for _, args := range [][]string{{"flows"}, {"lookup", "198.51.100.1:1"}, {"watch"}} {
		r := ctl(t, h, args...)
		if r.Code != 1 || r.Stdout != "" || !strings.Contains(r.Stderr, "snatctl apply -f FILE") {
			t.Errorf("%v exits %d: %s%s", args, r.Code, r.Stdout, r.Stderr)
		}
	}
}
