package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/collector"
	"github.com/snatctl/snatctl/internal/nstest"
)

// nfcapd runs Debian's collector on a host until read ends it.
func nfcapd(t testing.TB, h *nstest.Host) (read func() []natRecord) {
	t.Helper()
	if _, err := exec.LookPath("nfcapd"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	b := start(t, h, nil, "nfcapd", "-w", dir, "-p", "4739", "-b", "127.0.0.1")
	until(t, "nfcapd to listen", func() bool {
		return strings.Contains(output(t, h, "ss", "-Hlun", "sport", "=", "4739"), "127.0.0.1:4739")
	})
	return func() (out []natRecord) {
		b.end(t, syscall.SIGTERM)
		if !strings.Contains(b.said(), "Sequence Errors: 0, Bad Packets: 0") {
			t.Errorf("nfcapd says %s", b.said())
		}
		must(t, json.Unmarshal([]byte(output(t, h, "nfdump", "-R", dir, "-o", "json")), &out))
		return out
	}
}

// natRecord is a record as nfdump writes it. Version 1.7.1 knows no translated IPv6 addresses
// and no blocks of ports.
type natRecord struct {
	Event       string `json:"nat_event"`
	Time        string `json:"t_event"`
	Proto       int    `json:"proto"`
	Src4        string `json:"src4_addr"`
	Src6        string `json:"src6_addr"`
	SrcPort     int    `json:"src_port"`
	NATSrc      string `json:"src4_xlt_ip"`
	NATSrcPort  string `json:"src_xlt_port"`
	Dst4        string `json:"dst4_addr"`
	Dst6        string `json:"dst6_addr"`
	DstPort     int    `json:"dst_port"`
	NATDst      string `json:"dst4_xlt_ip"`
	NATDstPort  string `json:"dst_xlt_port"`
	First, Last string
	InPackets   uint64 `json:"in_packets"`
	InBytes     uint64 `json:"in_bytes"`
	OutPackets  uint64 `json:"out_packets"`
	OutBytes    uint64 `json:"out_bytes"`
}

// String writes what NAT did: as whom a client called whom, and who that was.
func (r natRecord) String() string {
	if r.Src6 != "" {
		return fmt.Sprintf("%s: %d [%s]:%d as :%s > [%s]:%d :%s", r.Event, r.Proto, r.Src6, r.SrcPort, r.NATSrcPort, r.Dst6, r.DstPort, r.NATDstPort)
	}
	return fmt.Sprintf("%s: %d %s:%d as %s:%s > %s:%d %s:%s", r.Event, r.Proto, r.Src4, r.SrcPort, r.NATSrc, r.NATSrcPort, r.Dst4, r.DstPort, r.NATDst, r.NATDstPort)
}

// natEvents writes what nfdump should say of a flow, by the conntrack tool.
func natEvents(f nstest.Flow) []string {
	number := map[string]int{"tcp": 6, "udp": 17, "icmp": 1}[f.Proto]
	natSrc, dst, natDst := f.Reply.Dst, f.Orig.Dst, f.Reply.Src
	if f.Proto == "icmp" { // the tool tells the echo id as the port of either end, or of none
		return nil
	}
	if f.Orig.Src.Addr().Is6() {
		text := fmt.Sprintf(": %d %s as :%d > %s :%d", number, f.Orig.Src, natSrc.Port(), dst, natDst.Port())
		return []string{"NAT translation create" + text, "NAT translation delete" + text}
	}
	text := fmt.Sprintf(": %d %s as %s > %s %s", number, f.Orig.Src, natSrc, dst, natDst)
	return []string{"NAT44 session create" + text, "NAT44 session delete" + text}
}

// What Debian's collector reads is what conntrack holds and the NAT log says.
func TestIPFIX(t *testing.T) {
	s := startSite(t, flowsPolicy)
	read := nfcapd(t, s.Gateway)
	log := t.TempDir() + "/nat.jsonl"
	w := watching(t, s.Gateway, nil, "--log", log, "--destinations", "--ipfix", "127.0.0.1:4739")
	s.callAll(t)
	flows, err := s.Gateway.Flows(t.Context())
	must(t, err)
	must(t, s.Gateway.FlushFlows(t.Context()))
	until(t, "all ends", func() bool { return strings.Count(strings.Join(natLines(t, log), "\n"), `"destroy"`) == 9 })
	if code := w.end(t, syscall.SIGTERM); code != 0 || strings.Contains(w.said(), "warning") {
		t.Errorf("watch exits %d: %s", code, w.said())
	}
	var want, got []string
	for _, f := range flows {
		if f.Reply.Dst.Addr() != f.Orig.Src.Addr() { // the others keep their clients' addresses
			want = append(want, natEvents(f)...)
		}
	}
	records := read()
	var ends []natRecord
	for _, r := range records {
		if r.Proto != 1 && !strings.HasPrefix(r.Event, "Port block") {
			got = append(got, r.String())
		}
		if strings.HasSuffix(r.Event, "delete") {
			ends = append(ends, r)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	wantSame(t, "nfdump", got, want)
	blocks := slices.DeleteFunc(slices.Clone(records), func(r natRecord) bool { return !strings.HasPrefix(r.Event, "Port block") })
	if len(blocks) != 2 || blocks[0].Src4 != "10.1.200.7" || blocks[0].NATSrc != "198.51.100.64" {
		t.Errorf("blocks of ports: %v", blocks)
	}
	sameEnds(t, ends, readLog(t, log))
}

// sameEnds holds times and counters of ends against those in the NAT log.
func sameEnds(t *testing.T, ends []natRecord, log []logged) {
	t.Helper()
	compared := 0
	for _, l := range log {
		if l.Event != "destroy" {
			continue
		}
		moment := func(s *string) string {
			at, err := time.Parse(time.RFC3339Nano, *s)
			must(t, err)
			return at.Local().Format("2006-01-02T15:04:05.000")
		}
		want := natRecord{First: moment(l.Start), Last: moment(l.End), InPackets: *l.PacketsIn, InBytes: *l.BytesIn, OutPackets: *l.PacketsOut, OutBytes: *l.BytesOut}
		client, _ := netip.ParseAddrPort(l.Src) // ICMP has no port there
		for _, r := range ends {
			if r.First == want.First && r.Last == want.Last && (!client.IsValid() || int(client.Port()) == r.SrcPort) {
				compared++
				if r.InPackets != want.InPackets || r.InBytes != want.InBytes || r.OutPackets != want.OutPackets || r.OutBytes != want.OutBytes {
					t.Errorf("%s: %+v, want the counters of %+v", r, r, l)
				}
			}
		}
	}
	if compared != len(ends) {
		t.Errorf("%d of %d ends are in the NAT log with their times: %v, %v", compared, len(ends), ends, log)
	}
}

// stream is a collector that takes IPFIX over TCP. It may be stopped and started.
type stream struct {
	t    testing.TB
	h    *nstest.Host
	mu   sync.Mutex
	read *collector.Collector
	ends []func() error
}

const streamAddress = "127.0.0.1:4740"

func (c *stream) start() {
	c.t.Helper()
	var l net.Listener
	must(c.t, c.h.Do(func() (err error) { l, err = net.Listen("tcp", streamAddress); return err }))
	c.ends = append(c.ends, l.Close)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.ends = append(c.ends, conn.Close)
			read := collector.New() // every connection has templates of its own
			read.Records = c.read.Records
			c.read = read
			c.mu.Unlock()
			// It ends when the test closes the connection.
			_ = read.ReadStream(conn, c.mu.Lock, c.mu.Unlock)
		}
	}()
}

func (c *stream) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range c.ends {
		_ = end()
	}
	c.ends = nil
}

func (c *stream) records() []collector.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.read.Records)
}

// Over TCP a collector that is away costs nothing: records wait. Without --destinations there
// are none, and of clients with blocks of ports nothing but their blocks.
func TestIPFIXStream(t *testing.T) {
	s := startSite(t, flowsPolicy)
	c := &stream{t: t, h: s.Gateway, read: collector.New()}
	t.Cleanup(c.stop)
	w := watching(t, s.Gateway, nil, "--ipfix", "tcp://"+streamAddress, "--ipfix-domain", "7")
	call(t, s.Office, "tcp [2001:db8:8::8]:80")
	until(t, "word of the collector", func() bool { return strings.Contains(w.said(), "warning: IPFIX: collector tcp://"+streamAddress) })
	c.start()
	until(t, "the session", func() bool { return len(c.records()) == 1 })
	for range 2 {
		call(t, s.Office, "tcp 10.1.200.7 > 8.8.8.8:80")
	}
	until(t, "the block", func() bool { return len(c.records()) == 2 })
	c.stop()
	must(t, s.Gateway.FlushFlows(t.Context()))
	call(t, s.Office, "udp 8.8.8.8:53")
	time.Sleep(100 * time.Millisecond)
	c.start()
	until(t, "all records", func() bool { return len(c.records()) == 5 })
	if code := w.end(t, syscall.SIGTERM); code != 0 || strings.Contains(w.said(), "lost") {
		t.Errorf("watch exits %d: %s", code, w.said())
	}
	got := map[string]collector.Record{}
	for _, r := range c.records() {
		got[r["natEvent"]] = r
		for element := range r {
			if strings.Contains(strings.ToLower(element), "dest") {
				t.Errorf("a record has %s: %v", element, r)
			}
		}
	}
	if r := got["1"]; r["sourceIPv6Address"] != "fd01::9" || r["postNATSourceIPv6Address"] != "2001:db8:99::1" || r["protocolIdentifier"] != "6" {
		t.Errorf("the session of IPv6 is %v", r)
	}
	if r := got["2"]; r["packetDeltaCount"] == "" || r["postNATSourceIPv6Address"] != "2001:db8:99::1" {
		t.Errorf("its end is %v", r)
	}
	for _, event := range []string{"16", "17"} {
		if r := got[event]; r["sourceIPv4Address"] != "10.1.200.7" || r["postNATSourceIPv4Address"] != "198.51.100.64" || r["portRangeStart"] != "8192" || r["portRangeEnd"] != "9215" {
			t.Errorf("event %s of the block is %v", event, r)
		}
	}
	if got["4"]["sourceIPv4Address"] != "10.1.5.9" || len(got) != 5 || c.read.Domain != 7 {
		t.Errorf("domain %d: %v", c.read.Domain, got)
	}
}

// A pool that has no port left is told of, with the laddr and the protocol.
func TestIPFIXExhausted(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  few: {addresses: 198.51.100.1, ports: 40000-40003}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: few}
`)
	c := &stream{t: t, h: s.Gateway, read: collector.New()}
	t.Cleanup(c.stop)
	c.start()
	watching(t, s.Gateway, nil, "--ipfix", "tcp://"+streamAddress)
	for range 4 {
		st, err := s.Office.OpenStream("", "8.8.8.8:53")
		must(t, err)
		defer st.Close()
	}
	s.check(t, packet{s.Office, "tcp 8.8.8.8:53", "silent"})
	find := func(event string) (out collector.Record) {
		for _, r := range c.records() {
			if r["natEvent"] == event {
				out = r
			}
		}
		return out
	}
	until(t, "word of the pool", func() bool { return find("3") != nil })
	if r := find("12"); r["postNATSourceIPv4Address"] != "198.51.100.1" || r["protocolIdentifier"] != "6" {
		t.Errorf("no word of the laddr: %v", c.records())
	}
	if r := find("3"); r["natPoolName"] != "few" || r["natPoolId"] == "0" {
		t.Errorf("the pool is %v", r)
	}
}

// Thousands of events a second reach collector and log alike, and a collector that is not there
// costs its own records, which are counted, and none of the log: SNATCTL_FLOOD flows, 20,000
// unless given.
func TestIPFIXFlood(t *testing.T) {
	f := newFlooded(t, floodPolicy)
	total := floodSize(t, 20_000)
	c := &stream{t: t, h: f.Gateway, read: collector.New()}
	t.Cleanup(c.stop)
	c.start()
	for _, to := range []string{"", "tcp://" + streamAddress, "udp://127.0.0.1:9"} {
		log := t.TempDir() + "/nat.jsonl"
		args := []string{"--log", log}
		if to != "" {
			args = append(args, "--ipfix", to)
		}
		w := watching(t, f.Gateway, nil, args...)
		began := time.Now()
		f.send(total)
		until(t, "the log", func() bool { return len(natLines(t, log)) >= total })
		took := time.Since(began)
		if strings.HasPrefix(to, "tcp") {
			until(t, "all records", func() bool { return len(c.records()) == total })
		}
		if code := w.end(t, syscall.SIGTERM); code != 0 || strings.Contains(w.said(), "lost") != strings.HasPrefix(to, "udp") {
			t.Errorf("to %q: exit status %d: %s", to, code, w.said())
		}
		if n := len(natLines(t, log)); n != total {
			t.Errorf("to %q: %d lines in the log, want %d", to, n, total)
		}
		t.Logf("to %q: %d events in %v, %v of processor time each, %d MB", to, total, took.Round(time.Millisecond), w.cpu()/time.Duration(total), w.peak>>20)
		must(t, f.Gateway.FlushFlows(t.Context()))
		f.sent = 0
	}
}
