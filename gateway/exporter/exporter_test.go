package exporter

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/collector"
	"github.com/snatctl/snatctl/ipfix"
)

// event returns what happens to a connection of zone office.
func event(kind ct.EventKind, sport uint16) *ct.Event {
	end := func(a string, port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(a), port) }
	f := ct.Flow{Orig: ct.Tuple{Proto: inet.TCP, Src: end("10.1.5.9", sport), Dst: end("8.8.8.8", 443)},
		Reply: ct.Tuple{Proto: inet.TCP, Src: end("8.8.8.8", 443), Dst: end("198.51.100.1", sport)}}
	return &ct.Event{Kind: kind, Flow: f}
}

// owner returns the owner of such a connection, where the pool has blocks of so many ports.
func owner(e *ct.Event, block int) *ct.Owner {
	pool := ct.Pool{Name: "office", Laddrs: []inet.Range{inet.AddrRange(netip.MustParseAddr("198.51.100.1"))}, Ports: inet.PortRange{First: 1024, Last: 65535}, Block: block}
	zone := ct.Zone{Name: "office", Action: "snat", Sources: []inet.Range{inet.AddrRange(netip.MustParseAddr("10.1.5.9"))}, Pools: []ct.Pool{pool}}
	o := ct.NewIndex(ct.Bindings{Zones: []ct.Zone{zone}}, nil).Owner(&e.Flow)
	return &o
}

func (x *Exporter) take(kind ct.EventKind, sport uint16, block int) {
	e := event(kind, sport)
	x.Event(e, time.Now(), owner(e, block))
}

// filling tells whether the last message has records.
func (q *queue) filling() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.last.Records() > 0
}

// udp returns a collector, and what it has read when all senders are done.
func udp(t *testing.T) (address string, read func() *collector.Collector) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadBuffer(1 << 20)
	return conn.LocalAddr().String(), func() *collector.Collector {
		c, b := collector.New(), make([]byte, 1<<16)
		for {
			_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			n, err := conn.Read(b)
			if err != nil {
				return c
			}
			if err := c.Read(append([]byte(nil), b[:n]...)); err != nil {
				t.Error(err)
			}
		}
	}
}

func open(t *testing.T, o Options, address string) *Exporter {
	t.Helper()
	c, err := ParseCollector(address)
	if err != nil {
		t.Fatal(err)
	}
	o.Collector = c
	return Open(o)
}

// Every record arrives over UDP, and templates again after so many messages.
func TestExport(t *testing.T) {
	address, read := udp(t)
	x := open(t, Options{Domain: 7}, address)
	for i := range uint16(3 * teachMessages / 2) {
		x.take(ct.New, 1024+i, 0)
		x.Rest()
		for x.queue.filling() { // each in a message of its own
			time.Sleep(10 * time.Microsecond)
		}
	}
	x.Close(time.Minute)
	c := read()
	if len(c.Records) != 3*teachMessages/2 || x.Losses() != 0 || c.Domain != 7 {
		t.Errorf("%d records arrive in domain %d, %d lost", len(c.Records), c.Domain, x.Losses())
	}
	if n := len(c.Sequence); n != 3*teachMessages/2+2 || int(c.Sequence[n-1]) != n-3 {
		t.Errorf("%d messages, the last with number %d", n, c.Sequence[n-1])
	}
}

// What does not belong into a NAT log is not exported either.
func TestNotLogged(t *testing.T) {
	address, read := udp(t)
	x := open(t, Options{}, address)
	x.take(ct.Update, 1024, 0)
	kept := event(ct.New, 1024)
	kept.Flow.Reply.Dst = kept.Flow.Orig.Src
	x.Event(kept, time.Now(), &ct.Owner{})
	x.Close(time.Minute)
	if c := read(); len(c.Records) != 0 {
		t.Errorf("%v arrive", c.Records)
	}
}

// A collector that nobody hears of costs what finds no room, and nobody waits. Each record is
// counted, and the last number is told when there is a collector again.
func TestAbsent(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	x := open(t, Options{Room: 2}, "tcp://"+closed.Addr().String())
	start := time.Now()
	const sent = 1000
	for i := range uint16(sent) {
		x.take(ct.New, 1024+i, 0)
	}
	x.Rest()
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it takes %v", took)
	}
	lost := x.Losses()
	if lost < sent/2 || lost >= sent {
		t.Errorf("%d of %d lost, although some find room", lost, sent)
	}
	l, err := net.Listen("tcp", closed.Addr().String())
	if err != nil {
		t.Skip(err) // somebody else has the port now
	}
	defer l.Close()
	c := make(chan *collector.Collector)
	go func() {
		read := collector.New()
		if conn, err := l.Accept(); err == nil {
			_ = read.ReadStream(conn, func() {}, func() {})
		}
		c <- read
	}()
	for deadline := time.Now().Add(time.Minute); x.queue.filling() && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	x.Close(time.Minute)
	read := <-c
	if x.Failure() == nil {
		t.Error("nobody is told that the collector was away")
	}
	told := ""
	for _, r := range read.Records {
		if n, ok := r["notSentFlowTotalCount"]; ok {
			told = n
		}
	}
	if len(read.Records) != sent-int(lost)+1 || x.Losses() != lost || told == "" {
		t.Errorf("%d records arrive of %d, %d lost, of which %q are told", len(read.Records), sent, x.Losses(), told)
	}
}

// A collector that reads nothing is as good as none: closing waits no longer than it may, and
// every record that was not sent is counted.
func TestStuck(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	x := open(t, Options{Room: 1 << 20}, "tcp://"+l.Addr().String())
	e := event(ct.New, 1024)
	o := owner(e, 0)
	for range 500_000 { // more than sockets hold
		x.Event(e, time.Now(), o)
	}
	start := time.Now()
	x.Close(time.Millisecond)
	if took := time.Since(start); took > patience/2 {
		t.Errorf("closing takes %v", took)
	}
	if x.Losses() == 0 {
		t.Error("nothing is lost")
	}
}

// Nobody takes datagrams: the kernel says so, and records wait.
func TestRefused(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	x := open(t, Options{}, conn.LocalAddr().String())
	x.take(ct.New, 1024, 0)
	x.Rest()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if err := x.Failure(); err != nil {
			if !strings.Contains(err.Error(), "connection refused") {
				t.Error(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody hears that nobody is there")
		}
	}
	x.Close(time.Minute)
	if n := x.Losses(); n != 1 {
		t.Errorf("%d records lost, want 1", n)
	}
}

// A collector that is started anew over UDP gets templates first, and then what waited.
func TestReturns(t *testing.T) {
	address := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	conn, err := net.ListenUDP("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	address = conn.LocalAddr().(*net.UDPAddr)
	conn.Close()
	x := open(t, Options{}, address.String())
	defer x.Close(time.Second)
	x.take(ct.New, 1024, 0)
	x.Rest()
	for deadline := time.Now().Add(time.Minute); x.Failure() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody hears that nobody is there")
		}
	}
	if conn, err = net.ListenUDP("udp", address); err != nil {
		t.Skip(err) // somebody else has the port now
	}
	defer conn.Close()
	c, b := collector.New(), make([]byte, 1<<16)
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	for len(c.Records) == 0 {
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Read(b[:n]); err != nil {
			t.Fatal(err)
		}
	}
	if c.Records[0]["postNAPTSourceTransportPort"] != "1024" || x.Losses() != 0 {
		t.Errorf("%v arrives, %d lost", c.Records, x.Losses())
	}
}

// Clients with blocks of ports have them from their first flow to the end of their last.
func TestBlocks(t *testing.T) {
	for _, destinations := range []bool{false, true} {
		address, read := udp(t)
		x := open(t, Options{Destinations: destinations}, address)
		x.take(ct.Destroy, 3000, 1024) // of before
		for range 2 {
			x.take(ct.New, 1024, 1024)
			x.take(ct.Found, 2047, 1024)
			x.take(ct.Destroy, 1024, 1024)
			x.take(ct.Destroy, 2047, 0) // the policy has no blocks any more
		}
		x.take(ct.New, 2048, 1024)
		x.take(ct.New, 5000, 512)
		x.take(ct.Destroy, 2048, 512)
		x.Close(time.Minute)
		var got []string
		for _, r := range read().Records {
			text := r["natEvent"]
			if r["portRangeStart"] != "" {
				text += " " + r["portRangeStart"] + "-" + r["portRangeEnd"]
			}
			got = append(got, text)
		}
		want := "5, 16 1024-2047, 17 1024-2047, 16 1024-2047, 17 1024-2047, 16 2048-3071, 16 4608-5119, 17 2048-3071"
		if destinations {
			want = "5, 16 1024-2047, 4, 4, 5, 17 1024-2047, 5, 16 1024-2047, 4, 4, 5, 17 1024-2047, 5, 16 2048-3071, 4, 16 4608-5119, 4, 17 2048-3071, 5"
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("got  %s\nwant %s", text, want)
		}
	}
}

// Echo requests have their ids where others have ports.
func TestEcho(t *testing.T) {
	e := event(ct.New, 0)
	e.Flow.Orig.Proto, e.Flow.Orig.Src, e.Flow.Orig.Dst = inet.ICMP, netip.MustParseAddrPort("10.1.5.9:77"), netip.MustParseAddrPort("8.8.8.8:0")
	e.Flow.Reply.Dst, e.Flow.Reply.Src = netip.MustParseAddrPort("198.51.100.1:0"), netip.MustParseAddrPort("8.8.8.8:78")
	r := session(e, time.Now())
	if r.Src.Port() != 77 || r.NATSrc.Port() != 78 || r.Dst.Port() != 0 || r.NATDst.Port() != 0 || r.Event != ipfix.NAT44Create {
		t.Errorf("the record is %+v", r)
	}
}

func TestParseCollector(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:9995":           "udp://192.0.2.1:9995",
		"192.0.2.1":                "udp://192.0.2.1:4739",
		"udp://collector.example":  "udp://collector.example:4739",
		"tcp://[2001:db8::1]:4739": "tcp://[2001:db8::1]:4739",
		"2001:db8::1":              "udp://[2001:db8::1]:4739",
		"tcp://[2001:db8::1]":      "tcp://[2001:db8::1]:4739",
		"sctp://192.0.2.1":         "",
		"":                         "",
		":4739":                    "",
		"192.0.2.1:0":              "",
		"192.0.2.1:99999":          "",
		"a:b:c":                    "",
	} {
		got, err := ParseCollector(in)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("%q is %s, %v", in, got, err)
		}
	}
}
