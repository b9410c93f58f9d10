package integration

import (
	"encoding/json"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// offloaded is a policy that puts established flows on a flowtable, or not.
func offloaded(offload, servers, laddrs string) string {
	return `
version: 1
gateway: {uplinks: [wan0, wan1], offload: ` + offload + `}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: ` + laddrs + `}
  - {name: guests, from: [10.2.0.0/16, "fd02::/64"], laddrs: [198.51.100.9, "2001:db8:99::9"]}
  - {name: lab, from: 10.66.0.0/16, action: reject}
services:
  - {name: dns, vip: 203.0.113.1, ports: udp/53, mode: nat, real_servers: ` + servers + `}
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: ` + servers + `}
  - {name: full, vip: "2001:db8::1", ports: tcp/443, mode: fullnat, laddrs: "fd06::9", real_servers: "fd05::3"}
`
}

// hasFlowtables tells whether the kernel has flowtables, by asking nft.
func hasFlowtables(t testing.TB, h *nstest.Host) bool {
	t.Helper()
	r, err := h.RunInput(t.Context(), "add table inet probe\nadd flowtable inet probe ft { hook ingress priority 0; }\ntable inet probe { chain c { flow add @ft; }; }\ndelete table inet probe\n", "nft", "-f", "-")
	must(t, err)
	return r.Code == 0
}

func newFlowtableSite(t testing.TB) *site {
	t.Helper()
	h := nstest.NewHost(t, "probe")
	if !hasFlowtables(t, h) {
		t.Skip("this kernel has no flowtables (make kernels runs this test on those that have)")
	}
	return newSite(t, nstest.Options{})
}

// A kernel without flowtables is told, and nothing changes; with auto it is as with off.
func TestOffloadMissing(t *testing.T) {
	h := startGateway(t, "")
	if hasFlowtables(t, h) {
		t.Skip("this kernel has flowtables")
	}
	software := offloaded("software", "192.168.1.1", "198.51.100.1")
	const lacks = "gateway.offload: software: the kernel refused flowtable ft: no such file or directory; this kernel has no flowtables " +
		"(modules nf_flow_table_inet and nft_flow_offload, CONFIG_NF_FLOW_TABLE_INET and CONFIG_NFT_FLOW_OFFLOAD; Linux 4.16 or newer may have them) " +
		"(`offload: auto` does without if it must)"
	if r := snatctl(t, h, software, "apply"); r.Code != 1 || r.Stderr != "snatctl: "+lacks+"; nothing was changed\n" || list(t, h) != "" {
		t.Errorf("apply exits %d, says\n%s\nand makes %q", r.Code, r.Stderr, list(t, h))
	}
	if r := snatctl(t, h, software, "diff"); r.Code != 2 || r.Stderr != "snatctl: "+lacks+"\n" {
		t.Errorf("diff exits %d and says\n%s", r.Code, r.Stderr)
	}
	apply(t, h, offloaded("auto", "192.168.1.1", "198.51.100.1"))
	wantDiff(t, h, offloaded("off", "192.168.1.1", "198.51.100.1"), 0)
	wantDiff(t, h, offloaded("auto", "192.168.1.1", "198.51.100.1"), 0)
}

// The script of compile loads on any host, so it has no flowtable, and says so.
func TestOffloadCompiled(t *testing.T) {
	h := startGateway(t, "")
	off := snatctl(t, h, offloaded("off", "192.168.1.1", "198.51.100.1"), "compile").Stdout
	for offload, where := range map[string]string{"software": "", "auto": ", if the kernel can"} {
		r := snatctl(t, h, offloaded(offload, "192.168.1.1", "198.51.100.1"), "compile")
		note := "# gateway.offload is " + offload + ": snatctl apply adds a flowtable of the interfaces that the host has then" + where + ".\n"
		if r.Code != 0 || r.Stdout != note+off {
			t.Errorf("compile with offload: %s exits %d and prints\n%s%s\nwant %sand what it prints with off", offload, r.Code, r.Stdout, r.Stderr, note)
		}
	}
}

// watchForward makes the gateway count the packets that pass its hook forward.
const watchForward = "table inet watch { chain f { type filter hook forward priority -300; counter; }; }"

// forwarded returns how many packets have passed the hook forward.
func forwarded(t testing.TB, h *nstest.Host) int {
	t.Helper()
	m := regexp.MustCompile(`counter packets (\d+)`).FindStringSubmatch(output(t, h, "nft", "list", "table", "inet", "watch"))
	n, err := strconv.Atoi(m[1])
	must(t, err)
	return n
}

// reported is what `snatctl flows` says of the one flow that matches its flags.
type reported struct {
	State      string  `json:"state"`
	Service    *string `json:"service"`
	PacketsIn  int     `json:"packets_in"`
	PacketsOut int     `json:"packets_out"`
	BytesIn    int     `json:"bytes_in"`
	Timeout    *int    `json:"timeout_s"`
}

func flowOf(t testing.TB, h *nstest.Host, args ...string) reported {
	t.Helper()
	out := prints(t, h, append([]string{"flows", "--format", "json"}, args...)...)
	var flows []reported
	must(t, json.Unmarshal([]byte(out), &flows))
	if len(flows) != 1 {
		t.Fatalf("flows %v lists\n%s\nwant one\n%s", args, out, output(t, h, "conntrack", "-L"))
	}
	return flows[0]
}

// exchange sends datagrams and returns who answered the last.
func exchange(t testing.TB, c net.Conn, times int) (a nstest.Answer) {
	t.Helper()
	for range times {
		var err error
		a, err = nstest.AskOn(c)
		must(t, err)
	}
	return a
}

// Established flows, translated in every way, take the flowtable: no chain sees their packets,
// and the reports know all of them. New connections are decided as ever.
func TestOffload(t *testing.T) {
	t.Parallel()
	s := newFlowtableSite(t)
	policy := offloaded("software", "192.168.1.1", "198.51.100.1")
	s.start(t, policy)
	wantDiff(t, s.Gateway, policy, 0)
	wantDiff(t, s.Gateway, offloaded("auto", "192.168.1.1", "198.51.100.1"), 0)
	udp, err := s.Office.Dial("udp", "", "203.0.113.1:53")
	must(t, err)
	defer udp.Close()
	exchange(t, udp, 3)
	streams := map[string]*nstest.Stream{}
	for name, to := range map[string]struct {
		from *nstest.Host
		addr string
	}{"nat": {s.Office, "203.0.113.1:80"}, "fullnat": {s.Office, "[2001:db8::1]:443"}, "zone": {s.Office, "8.8.8.8:53"}, "zone of IPv6": {s.Guests, "[2001:db8:8::8]:53"}} {
		streams[name], err = to.from.OpenStream("", to.addr)
		must(t, err)
	}
	for name, st := range streams {
		if err := st.Alive(); err != nil {
			t.Fatalf("stream %s: %v", name, err)
		}
	}
	nft(t, s.Gateway, watchForward)
	exchange(t, udp, 17)
	for name, st := range streams {
		if err := st.Alive(); err != nil {
			t.Errorf("stream %s: %v", name, err)
		}
	}
	if n := forwarded(t, s.Gateway); n != 0 {
		t.Errorf("%d packets of established flows passed the chains\n%s", n, output(t, s.Gateway, "conntrack", "-L"))
	}
	const datagram = 20 + 8 + 2
	if f := flowOf(t, s.Gateway, "--service", "dns"); f.PacketsIn != 20 || f.PacketsOut != 20 || f.BytesIn != 20*datagram || f.Timeout != nil {
		t.Errorf("of 20 datagrams flows says %+v", f)
	}
	if f := flowOf(t, s.Gateway, "--service", "web"); f.State != "ESTABLISHED" || f.Timeout != nil || int64(f.BytesIn) < streams["nat"].Bytes() {
		t.Errorf("of a stream of %d bytes flows says %+v", streams["nat"].Bytes(), f)
	}
	s.check(t,
		packet{s.Lab, "tcp 8.8.8.8:53", "refused"},
		packet{s.Office, "udp 8.8.8.8:53", "outside sees 198.51.100.1"},
		packet{s.Guests, "tcp 203.0.113.1:80", "rs1 sees 10.2.5.9"},
	)
	apply(t, s.Gateway, offloaded("off", "192.168.1.1", "198.51.100.1"))
	exchange(t, udp, 3)
	for name, st := range streams {
		if err := st.Alive(); err != nil {
			t.Errorf("stream %s, no longer offloaded: %v", name, err)
		}
		must(t, st.Close())
	}
	if n := forwarded(t, s.Gateway); n < 3 {
		t.Errorf("without the flowtable only %d packets passed the chains", n)
	}
	if l := list(t, s.Gateway); strings.Contains(l, "flowtable") || strings.Contains(l, "offloading") {
		t.Errorf("a flowtable is left:\n%s", l)
	}
}

// Flows on the flowtable that contradict a new policy end like others: a flow of UDP reaches
// another real server, one of TCP is reset, and those that the policy still makes go on.
func TestOffloadCleanup(t *testing.T) {
	t.Parallel()
	s := newFlowtableSite(t)
	s.start(t, offloaded("software", "192.168.1.1", "198.51.100.1"))
	udp, err := s.Office.Dial("udp", "", "203.0.113.1:53")
	must(t, err)
	defer udp.Close()
	web, err := s.Office.OpenStream("", "203.0.113.1:80")
	must(t, err)
	out, err := s.Office.OpenStream("", "8.8.8.8:53")
	must(t, err)
	guests, err := s.Guests.OpenStream("", "8.8.8.8:53")
	must(t, err)
	for _, st := range []*nstest.Stream{web, out, guests} {
		must(t, st.Alive())
	}
	if a := exchange(t, udp, 10); a.Host != "rs1" {
		t.Fatalf("%s answers, want rs1", a.Host)
	}
	if n := strings.Count(output(t, s.Gateway, "conntrack", "-L"), "[OFFLOAD]"); n != 4 {
		t.Errorf("%d flows are offloaded, want 4:\n%s", n, output(t, s.Gateway, "conntrack", "-L"))
	}
	after := offloaded("software", "192.168.1.2", "198.51.100.2")
	r := snatctl(t, s.Gateway, after, "apply", "--format", "json")
	applied := time.Now()
	if r.Code != 0 || !strings.Contains(r.Stdout, `"flows_ended":3`) {
		t.Errorf("apply exits %d and prints %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if a := exchange(t, udp, 1); a.Host != "rs2" {
		t.Errorf("the first datagram after apply reaches %s, want rs2", a.Host)
	}
	for time.Since(applied) < 3*time.Second {
		if a := exchange(t, udp, 1); a.Host != "rs2" {
			t.Errorf("a datagram %s after apply reaches %s, want rs2", time.Since(applied), a.Host)
		}
		time.Sleep(20 * time.Millisecond)
	}
	for name, st := range map[string]*nstest.Stream{"service": web, "zone": out} {
		if err := st.Err(); err == nil {
			t.Errorf("the stream through the %s is still whole", name)
		}
		st.Close()
	}
	if err := guests.Alive(); err != nil {
		t.Errorf("the stream of a zone that did not change: %v", err)
	}
	must(t, guests.Close())
	if f := flowOf(t, s.Gateway, "--service", "dns"); f.Timeout != nil {
		t.Errorf("the new flow is not offloaded: %+v", f)
	}
}

// An interface that is not on the flowtable is a difference, and flows through it live.
func TestOffloadInterfaces(t *testing.T) {
	t.Parallel()
	s := newFlowtableSite(t)
	policy := offloaded("software", "192.168.1.1", "198.51.100.1")
	s.start(t, policy)
	output(t, s.Gateway, "ip", "link", "add", "new0", "type", "veth", "peer", "name", "new1")
	nft(t, s.Gateway, "delete flowtable inet snatctl ft { devices = { lan0 }; }\n")
	if d := wantDiff(t, s.Gateway, policy, 1); d.Stdout != "~ gateway snatctl: + interface lan0 of flowtable ft\n~ gateway snatctl: + interface new0 of flowtable ft\n"+
		"~ gateway snatctl: + interface new1 of flowtable ft\nwould change table inet snatctl: rules +0 -0, elements +0 -0\n" {
		t.Errorf("diff prints\n%s", d.Stdout)
	}
	udp, err := s.Office.Dial("udp", "", "203.0.113.1:53")
	must(t, err)
	defer udp.Close()
	exchange(t, udp, 10)
	st, err := s.Office.OpenStream("", "203.0.113.1:80")
	must(t, err)
	must(t, st.Alive())
	if f := flowOf(t, s.Gateway, "--service", "dns"); f.PacketsIn != 10 || f.PacketsOut != 10 {
		t.Errorf("of 10 datagrams, one way past the chains, flows says %+v", f)
	}
	apply(t, s.Gateway, policy)
	wantDiff(t, s.Gateway, policy, 0)
	must(t, st.Alive())
	output(t, s.Gateway, "ip", "link", "del", "new0")
	if strings.Contains(list(t, s.Gateway), "new0") { // Linux 6.16 keeps the names of what is gone
		wantDiff(t, s.Gateway, policy, 1)
		apply(t, s.Gateway, policy)
	}
	wantDiff(t, s.Gateway, policy, 0)
	must(t, st.Alive())
	must(t, st.Close())
	nft(t, s.Gateway, "add flowtable inet snatctl mine { hook ingress priority 0; }\n")
	if d := wantDiff(t, s.Gateway, policy, 1); !strings.Contains(d.Stdout, "flowtable mine, which snatctl did not make") {
		t.Errorf("of another flowtable diff prints\n%s", d.Stdout)
	}
	apply(t, s.Gateway, policy)
	wantDiff(t, s.Gateway, policy, 0)
}
