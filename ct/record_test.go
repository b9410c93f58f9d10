package ct

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// recorded is a FULLNAT connection with all that a record can hold, and its owner.
func recorded(t testing.TB) (*Flow, Owner) {
	f := parseFlow(t, "tcp 10.1.5.9:53436 > 203.0.113.10:53 as 192.168.2.250:53436 > 192.168.1.3:5353")
	f.Status, f.TCPState, f.Timeout = SeenReply|Assured, 3, 431999
	f.In, f.Out = Traffic{12, 642}, Traffic{7, 402}
	return f, NewIndex(parseBindings(t, town), gateway).Owner(f)
}

func TestAppendJSON(t *testing.T) {
	f, o := recorded(t)
	plain := parseFlow(t, "icmp 10.3.0.9 > 9.9.9.9")
	six := parseFlow(t, "udp [fd01::9]:1 > [2001:db8::1]:53 as [2001:db8:99::1]:1024 > [2001:db8::1]:53")
	six.Status, six.Timeout = SeenReply, 30
	short := parseFlow(t, "tcp 10.3.0.9:7 > 9.9.9.9:8") // on a flowtable
	short.Status = SeenReply | Assured | Offloaded
	lan, free := Owner{Zone: "lan"}, Owner{}
	odd := Owner{Zone: "\"\\\n\x7fé\xff", Laddr: netip.MustParseAddr("2001:db8:99::1")}
	gre := &Flow{Orig: Tuple{Proto: 47, Src: netip.MustParseAddrPort("10.3.0.9:7"), Dst: netip.MustParseAddrPort("9.9.9.9:0")}}
	gre.Reply = Tuple{Proto: 47, Src: gre.Orig.Dst, Dst: gre.Orig.Src}
	for _, c := range []struct {
		f    *Flow
		o    *Owner
		want string
	}{
		{f, &o, `{"proto":"tcp","src":"10.1.5.9:53436","dst":"203.0.113.10:53","translated_src":"192.168.2.250:53436","translated_dst":"192.168.1.3:5353",` +
			`"state":"ESTABLISHED","service":"dns","zone":null,"real_server":"192.168.1.3:5353","laddr":"192.168.2.250",` +
			`"bytes_in":642,"bytes_out":402,"packets_in":12,"packets_out":7,"timeout_s":431999}`},
		{plain, &lan, `{"proto":"icmp","src":"10.3.0.9","dst":"9.9.9.9","translated_src":null,"translated_dst":null,` +
			`"state":"UNREPLIED","service":null,"zone":"lan","real_server":null,"laddr":null,` +
			`"bytes_in":null,"bytes_out":null,"packets_in":null,"packets_out":null,"timeout_s":0}`},
		{six, &odd, `{"proto":"udp","src":"[fd01::9]:1","dst":"[2001:db8::1]:53","translated_src":"[2001:db8:99::1]:1024","translated_dst":null,` +
			`"state":"REPLIED","service":null,"zone":"\"\\\u000a\u007fé` + "\ufffd" + `","real_server":null,"laddr":"2001:db8:99::1",` +
			`"bytes_in":null,"bytes_out":null,"packets_in":null,"packets_out":null,"timeout_s":30}`},
		{short, &free, `{"proto":"tcp","src":"10.3.0.9:7","dst":"9.9.9.9:8","translated_src":null,"translated_dst":null,` +
			`"state":"ESTABLISHED","service":null,"zone":null,"real_server":null,"laddr":null,` +
			`"bytes_in":null,"bytes_out":null,"packets_in":null,"packets_out":null,"timeout_s":null}`},
		{gre, &free, `{"proto":"47","src":"10.3.0.9","dst":"9.9.9.9","translated_src":null,"translated_dst":null,` +
			`"state":"UNREPLIED","service":null,"zone":null,"real_server":null,"laddr":null,` +
			`"bytes_in":null,"bytes_out":null,"packets_in":null,"packets_out":null,"timeout_s":0}`},
	} {
		got := string(AppendJSON([]byte("before"), c.f, c.o))
		if got != "before"+c.want {
			t.Errorf("got  %s\nwant before%s", got, c.want)
		}
		if !json.Valid([]byte(got[len("before"):])) {
			t.Errorf("no JSON: %s", got)
		}
	}
}

func TestAppendEvent(t *testing.T) {
	f, o := recorded(t)
	at := time.Date(2026, 1, 2, 4, 4, 5, 6789, time.FixedZone("CET", 3600))
	object := string(AppendJSON(nil, f, &o))[1:]
	if got, want := string(AppendEvent(nil, &Event{Kind: Update, Flow: *f}, at, &o)), `{"event":"update","time":"2026-01-02T03:04:05.000006Z",`+object; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.Start, f.Stop = at.Add(-2*time.Second), at.Add(-time.Second)
	if got, want := string(AppendEvent(nil, &Event{Kind: New, Flow: *f}, at, &o)), `{"event":"new","time":"2026-01-02T03:04:03.000006Z",`+object; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	told := Event{Kind: New, At: at.Add(time.Second), Flow: *f}
	if got, want := string(AppendEvent(nil, &told, at, &o)), `{"event":"new","time":"2026-01-02T03:04:06.000006Z",`+object; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	ended := strings.Replace(object, `"timeout_s":431999`, `"timeout_s":null`, 1)
	if got, want := string(AppendEvent(nil, &Event{Kind: Destroy, Flow: *f}, at, &o)), `{"event":"destroy","time":"2026-01-02T03:04:04.000006Z",`+ended; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAppendLog(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	f, o := recorded(t)
	started := *f
	started.Start, started.Stop = at.Add(-12500*time.Millisecond), at
	const who = `"proto":"tcp","service":"dns","zone":null,"src":"10.1.5.9:53436","translated_src":"192.168.2.250:53436",`
	const where = `"dst":"203.0.113.10:53","translated_dst":"192.168.1.3:5353",`
	const counters = `"bytes_in":642,"bytes_out":402,"packets_in":12,"packets_out":7}`
	nat := parseFlow(t, "tcp 8.8.8.8:9 > 203.0.113.10:80 as 8.8.8.8:9 > 192.168.1.1:80")
	foreign := parseFlow(t, "tcp 172.17.0.9:9 > 9.9.9.9:53 as 192.0.2.1:9 > 9.9.9.9:53")
	for _, c := range []struct {
		e            Event
		o            Owner
		destinations bool
		want         string
	}{
		{Event{Kind: New, Flow: *f}, o, false, `{"event":"new","time":"2026-01-02T03:04:05.000006Z",` + who + `"start":"2026-01-02T03:04:05.000006Z","end":null,"duration_s":null,` + counters},
		{Event{Kind: Destroy, Flow: *f}, o, false, `{"event":"destroy","time":"2026-01-02T03:04:05.000006Z",` + who + `"start":null,"end":"2026-01-02T03:04:05.000006Z","duration_s":null,` + counters},
		{Event{Kind: Destroy, Flow: started}, o, true, `{"event":"destroy","time":"2026-01-02T03:04:05.000006Z",` + who + where +
			`"start":"2026-01-02T03:03:52.500006Z","end":"2026-01-02T03:04:05.000006Z","duration_s":12.500,` + counters},
		{Event{Kind: Update, Flow: *f}, o, false, ""},
		{Event{Kind: New, Flow: *nat}, Owner{Service: "web"}, false, ""},
		{Event{Kind: New, Flow: *foreign}, Owner{Past: true}, false, ""},
		{Event{Kind: Destroy, Flow: *foreign}, Owner{Past: true}, false, `{"event":"destroy","time":"2026-01-02T03:04:05.000006Z","proto":"tcp","service":null,"zone":null,` +
			`"src":"172.17.0.9:9","translated_src":"192.0.2.1:9","start":null,"end":"2026-01-02T03:04:05.000006Z","duration_s":null,"bytes_in":null,"bytes_out":null,"packets_in":null,"packets_out":null}`},
	} {
		got, ok := AppendLog(nil, &c.e, at, &c.o, c.destinations)
		if string(got) != c.want || ok != (c.want != "") {
			t.Errorf("got  %s, %v\nwant %s", got, ok, c.want)
		}
		if ok && !json.Valid(got) {
			t.Errorf("no JSON: %s", got)
		}
	}
}

func TestAppendText(t *testing.T) {
	f, o := recorded(t)
	plain := parseFlow(t, "icmp 10.3.0.9 > 9.9.9.9")
	for _, c := range []struct {
		f    *Flow
		o    Owner
		want string
	}{
		{f, o, "tcp    10.1.5.9:53436 → 203.0.113.10:53 as 192.168.2.250:53436 → 192.168.1.3:5353               ESTABLISHED  service dns                       in 642 B, out 402 B"},
		{plain, Owner{Zone: "lan"}, "icmp   10.3.0.9 → 9.9.9.9                                                                       UNREPLIED    zone lan                          not counted"},
		{plain, Owner{}, "icmp   10.3.0.9 → 9.9.9.9                                                                       UNREPLIED    -                                 not counted"},
		{plain, Owner{Past: true}, "icmp   10.3.0.9 → 9.9.9.9                                                                       UNREPLIED    no longer in policy               not counted"},
		{plain, Owner{Past: true, Service: "web"}, "icmp   10.3.0.9 → 9.9.9.9                                                                       UNREPLIED    service web, no longer in policy  not counted"},
	} {
		if got := string(AppendText([]byte("é"), c.f, &c.o)); got != "é"+c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

// Text says in which conntrack zone a flow stands, if it is in another than all are.
func TestAppendTextOfCTZones(t *testing.T) {
	for zones, want := range map[[2]uint16]string{
		{7, 7}: "zone lan, conntrack zone 7 not",
		{8, 0}: "zone lan, conntrack zone 8 (sent) not",
		{0, 9}: "zone lan, conntrack zone 9 (answers) not",
		{8, 9}: "zone lan, conntrack zone 8 (sent) 9 (answers) not",
	} {
		f := parseFlow(t, "icmp 10.3.0.9 > 9.9.9.9")
		f.CTZone, f.ReplyCTZone = zones[0], zones[1]
		got := string(AppendText(nil, f, &Owner{Zone: "lan"}))
		if words := strings.Fields(got[strings.Index(got, "zone lan"):]); strings.Join(words, " ") != want+" counted" {
			t.Errorf("in zones %d: %q, want %q", zones, got, want)
		}
	}
}

func TestAppendHeader(t *testing.T) {
	const want = "PROTO  CLIENT → CALLED as LEAVING → REACHING                                                    STATE        OF                                TRAFFIC"
	if got := string(AppendHeader([]byte("é"))); got != "é"+want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFilter(t *testing.T) {
	f, o := recorded(t)
	addr := netip.MustParseAddr
	for _, c := range []struct {
		s    Filter
		want bool
	}{
		{Filter{}, true},
		{Filter{Service: "dns"}, true}, {Filter{Service: "web"}, false}, {Filter{Zone: "dns"}, false},
		{Filter{Laddr: addr("192.168.2.250")}, true}, {Filter{Laddr: addr("192.168.1.3")}, false},
		{Filter{Server: addr("192.168.1.3")}, true}, {Filter{Server: addr("192.168.1.4")}, false},
		{Filter{Server: addr("192.168.1.3"), ServerPort: 5353}, true}, {Filter{Server: addr("192.168.1.3"), ServerPort: 53}, false},
		{Filter{Service: "dns", Laddr: addr("192.168.2.251")}, false},
	} {
		if got := c.s.Match(f, &o); got != c.want {
			t.Errorf("%+v selects %v, want %v", c.s, got, c.want)
		}
	}
}

// TestAllocations: watching formats every event of a busy gateway.
func TestAllocations(t *testing.T) {
	f, o := recorded(t)
	x := NewIndex(parseBindings(t, town), gateway)
	e, buf, at := &Event{Kind: Destroy, Flow: *f}, make([]byte, 0, 4096), time.Unix(1, 0)
	for name, run := range map[string]func(){
		"Owner":       func() { o = x.Owner(f) },
		"Contradicts": func() { Contradicts(nil, x, f) },
		"AppendJSON":  func() { buf = AppendJSON(buf[:0], f, &o) },
		"AppendEvent": func() { buf = AppendEvent(buf[:0], e, at, &o) },
		"AppendLog":   func() { buf, _ = AppendLog(buf[:0], e, at, &o, true) },
		"AppendText":  func() { buf = AppendText(buf[:0], f, &o) },
	} {
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestProto(t *testing.T) {
	for p := range 256 {
		if got, want := string(appendProto(nil, inet.Proto(p))), inet.Proto(p).String(); got != want {
			t.Errorf("protocol %d is %q, want %q", p, got, want)
		}
	}
}
