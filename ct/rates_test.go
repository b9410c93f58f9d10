package ct

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// playRates plays a script of what happens, one a line: "begin", "list" and "end" with a flow, "lost", and
// "finish" with what is known then. A flow is an id, the bytes that it has carried in and out,
// and its tuples.
func playRates(t *testing.T, by Grouping, script string) {
	t.Helper()
	r := NewRates(NewIndex(officePolicy(t), nil), by)
	for n, line := range strings.Split(strings.TrimSpace(script), "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		flow := func() *Flow {
			var id uint32
			var in, out uint64
			if _, err := fmt.Sscan(rest, &id, &in, &out); err != nil {
				t.Fatal(line, err)
			}
			f := parseFlow(t, strings.Join(strings.Fields(rest)[3:], " "))
			f.ID, f.In, f.Out = id, Traffic{1, in}, Traffic{1, out}
			return f
		}
		switch word {
		case "begin":
			r.Begin()
		case "list":
			r.List(flow())
		case "end":
			r.Ended(flow())
		case "lost":
			r.Lost()
		case "finish":
			rates, known := r.Finish()
			if got := rateText(rates, known); got != rest {
				t.Errorf("line %d: got  %s\nwant %s", n+1, got, rest)
			}
		default:
			t.Fatalf("%q is no step", line)
		}
	}
}

// rateText writes "office: 2 flows, 1 new, 10 in, 20 out; …", or "unknown" for what is.
func rateText(rates []Rate, known bool) string {
	slices.SortFunc(rates, func(a, b Rate) int { return a.Compare(b.Group) })
	var all []string
	for _, r := range rates {
		s := fmt.Sprintf("%s: %d flows, %d new, %d in, %d out", r.Group, r.Flows, r.New, r.In, r.Out)
		if !known {
			s = fmt.Sprintf("%s: %d flows", r.Group, r.Flows)
		}
		all = append(all, s)
	}
	if !known {
		all = append(all, "unknown")
	}
	return strings.Join(all, "; ")
}

func TestRates(t *testing.T) {
	const a, b = "tcp 10.1.0.9:1 > 8.8.8.8:443 as 198.51.100.1:1 > 8.8.8.8:443", "tcp 10.1.0.9:2 > 8.8.8.8:443 as 198.51.100.1:2 > 8.8.8.8:443"
	for name, script := range map[string]string{
		"nothing": "begin\nfinish unknown\nbegin\nfinish",
		"a flow carries": "begin\nlist 1 100 50 " + a + "\nfinish office: 1 flows; unknown\n" +
			"begin\nlist 1 130 90 " + a + "\nfinish office: 1 flows, 0 new, 30 in, 40 out",
		"begins": "begin\nfinish unknown\nbegin\nlist 1 130 90 " + a + "\nfinish office: 1 flows, 1 new, 130 in, 90 out",
		"ends": "begin\nlist 1 100 50 " + a + "\nfinish office: 1 flows; unknown\nend 1 110 55 " + a + "\n" +
			"begin\nfinish office: 0 flows, 0 new, 10 in, 5 out\nbegin\nfinish",
		"begins and ends between two lists": "begin\nfinish unknown\nend 1 110 55 " + a + "\nend 2 1 1 " + b + "\n" +
			"begin\nfinish office: 0 flows, 2 new, 111 in, 56 out\nbegin\nfinish",
		"ends while listed, having been listed": "begin\nfinish unknown\nbegin\nlist 1 100 50 " + a + "\nend 1 110 55 " + a + "\n" +
			"finish office: 1 flows, 1 new, 100 in, 50 out\nbegin\nfinish office: 0 flows, 0 new, 10 in, 5 out",
		"ends while others are listed": "begin\nlist 1 100 50 " + a + "\nfinish office: 1 flows; unknown\nbegin\nlist 2 7 7 " + b + "\nend 1 110 55 " + a + "\n" +
			"finish office: 1 flows, 1 new, 17 in, 12 out\nbegin\nlist 2 7 7 " + b + "\nfinish office: 1 flows, 0 new, 0 in, 0 out",
		"is listed twice": "begin\nfinish unknown\nbegin\nlist 1 100 50 " + a + "\nlist 1 101 51 " + a + "\n" +
			"finish office: 1 flows, 1 new, 100 in, 50 out",
		"two of one id": "begin\nfinish unknown\nbegin\nlist 1 100 50 " + a + "\nlist 1 1 1 " + b + "\n" +
			"finish office: 2 flows, 2 new, 101 in, 51 out",
		"ends are lost between lists": "begin\nlist 1 100 50 " + a + "\nfinish office: 1 flows; unknown\nlost\n" +
			"begin\nlist 2 9 9 " + b + "\nfinish office: 1 flows; unknown\nbegin\nlist 2 10 9 " + b + "\nfinish office: 1 flows, 0 new, 1 in, 0 out",
		"ends are lost while listing": "begin\nfinish unknown\nbegin\nlost\nlist 1 100 50 " + a + "\nfinish office: 1 flows; unknown\n" +
			"begin\nlist 1 100 50 " + a + "\nfinish office: 1 flows; unknown\nbegin\nlist 1 101 50 " + a + "\nfinish office: 1 flows, 0 new, 1 in, 0 out",
		"an end comes too late": "begin\nlist 1 100 50 " + a + "\nfinish office: 1 flows; unknown\nbegin\nfinish office: 0 flows, 0 new, 0 in, 0 out",
		"a list is given up": "begin\nfinish unknown\nbegin\nlist 1 100 50 " + a + "\nend 2 5 5 " + b + "\n" +
			"begin\nlist 1 101 50 " + a + "\nfinish office: 1 flows, 2 new, 106 in, 55 out",
	} {
		t.Run(name, func(t *testing.T) { playRates(t, ByZone, script) })
	}
}

func TestGroupings(t *testing.T) {
	const lines = `
list 1 1 1 tcp 10.1.0.9:999 > 203.0.113.10:80 as 10.1.0.9:999 > 192.168.1.1:80
list 2 1 1 tcp 10.1.0.9:1 > 8.8.8.8:443 as 198.51.100.1:1 > 8.8.8.8:443
list 3 1 1 icmp 10.1.0.9 > 9.9.9.9 as 198.51.100.2 > 9.9.9.9
list 4 1 1 tcp 172.17.0.9:2 > [2001:db8::9]:53
`
	for by, want := range map[Grouping]string{
		ByZone:        "-: 2 flows; office: 2 flows",
		ByService:     "-: 3 flows; web: 1 flows",
		ByServer:      "-: 3 flows; web 192.168.1.1:80: 1 flows",
		ByLaddr:       "-: 2 flows; 198.51.100.1: 1 flows; 198.51.100.2: 1 flows",
		ByClient:      "10.1.0.9: 3 flows; 172.17.0.9: 1 flows",
		ByDestination: "8.8.8.8:443/tcp: 1 flows; 9.9.9.9/icmp: 1 flows; 203.0.113.10:80/tcp: 1 flows; [2001:db8::9]:53/tcp: 1 flows",
	} {
		t.Run(by.String(), func(t *testing.T) { playRates(t, by, "begin"+lines+"finish "+want+"; unknown") })
	}
}

// Who lists a flow learns whose it is, and whether it has been counted already.
func TestRatesTellOwner(t *testing.T) {
	x := NewIndex(officePolicy(t), nil)
	r := NewRates(x, ByClient)
	r.Begin()
	f := parseFlow(t, "tcp 10.1.0.9:999 > 203.0.113.10:80 as 10.1.0.9:999 > 192.168.1.1:80")
	if o, first := r.List(f); !first || o.Service != "web" || o != x.Owner(f) {
		t.Errorf("the first time it is %+v, %v", o, first)
	}
	if o, first := r.List(f); first || o.Service != "" {
		t.Errorf("the second time it is %+v, %v", o, first)
	}
}

// A million clients that come and go leave nothing behind.
func TestRatesForget(t *testing.T) {
	r := NewRates(nil, ByClient)
	size := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	f := parseFlow(t, "udp 10.1.0.9:999 > 9.9.9.9:53")
	round := func(n int) {
		r.Begin()
		for i := range 10_000 {
			f.Orig.Src = addrPort(uint32(n*10_000 + i))
			f.ID = uint32(n*10_000 + i)
			r.List(f)
		}
		r.Finish()
		for i := range 10_000 {
			f.Orig.Src = addrPort(uint32(n*10_000 + i))
			f.ID = uint32(n*10_000 + i)
			r.Ended(f)
		}
	}
	round(0)
	before := size()
	for n := range 100 {
		round(n)
	}
	if after := size(); after > before+before/2 {
		t.Errorf("%d bytes are in use after a million flows, %d before", after, before)
	}
	r.Begin()
	r.Finish()
	r.Begin()
	if rates, known := r.Finish(); len(rates) != 0 || !known {
		t.Errorf("%d groups are left, known %v", len(rates), known)
	}
}

func addrPort(n uint32) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 999)
}
