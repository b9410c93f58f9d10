package ct

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// largePolicy has 30,000 services with 4 real servers each and 10,000 zones with a laddr each.
func largePolicy() Bindings {
	var b Bindings
	addr := func(a byte, i int) netip.Addr {
		return netip.AddrFrom4([4]byte{a, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	for i := range 30000 {
		s := Service{Name: fmt.Sprintf("service-%05d", i), Mode: "nat", Scheduler: "rr",
			Fronts: []Front{{addr(203, i), inet.ProtoPorts{Proto: inet.TCP, Ports: inet.PortRange{First: 80, Last: 80}}, 0}}}
		for n := range 4 {
			s.Servers = append(s.Servers, Server{Addr: addr(192, i*4+n), Weight: 1})
		}
		b.Services = append(b.Services, s)
	}
	for i := range 10000 {
		b.Zones = append(b.Zones, Zone{Name: fmt.Sprint("zone-", i), Action: "snat", Sources: []inet.Range{{From: addr(10, i<<4), To: addr(10, i<<4+15)}},
			Pools: []Pool{{Name: fmt.Sprint("pool-", i), Laddrs: []inet.Range{inet.AddrRange(addr(198, i))}}}})
	}
	return b
}

// largeFlows makes flows of a large policy, those of services and of zones in turn.
func largeFlows(b Bindings, n int) []Flow {
	flows := make([]Flow, n)
	for i := range flows {
		f := &flows[i]
		f.Orig.Proto, f.Status, f.TCPState, f.Timeout, f.ID = inet.TCP, SeenReply|Assured, 3, 431999, uint32(i)
		f.In, f.Out = Traffic{12, 642}, Traffic{7, 402}
		z, s := &b.Zones[i*7919%len(b.Zones)], &b.Services[i*7919%len(b.Services)]
		f.Orig.Src = netip.AddrPortFrom(z.Sources[0].From, uint16(1024+i%60000))
		if i%2 == 0 {
			f.Orig.Dst = netip.AddrPortFrom(s.Fronts[0].VIP, 80)
			f.Reply = Tuple{Proto: inet.TCP, Src: netip.AddrPortFrom(s.Servers[i%4].Addr, 80), Dst: f.Orig.Src}
			continue
		}
		f.Orig.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, byte(i >> 8), byte(i)}), 443)
		f.Reply = Tuple{Proto: inet.TCP, Src: f.Orig.Dst, Dst: netip.AddrPortFrom(z.Pools[0].Laddrs[0].From, f.Orig.Src.Port())}
	}
	return flows
}

// BenchmarkOwner asks for objects in an order that finds nothing in the processor's caches.
func BenchmarkOwner(b *testing.B) {
	policy := largePolicy()
	x, flows := NewIndex(policy, gateway), largeFlows(policy, 200000)
	for i, of := range []string{"services", "zones"} {
		b.Run(of, func(b *testing.B) {
			b.ReportAllocs()
			n := i
			for b.Loop() {
				if o := x.Owner(&flows[n]); o.Past || (o.Service == "") != (i == 1) {
					b.Fatal(o)
				}
				n = (n + 2) % len(flows)
			}
		})
	}
}

func BenchmarkStale(b *testing.B) {
	policy := largePolicy()
	x, flows := NewIndex(policy, gateway), largeFlows(policy, 200000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if r, stale := Contradicts(x, x, &flows[i]); stale {
			b.Fatal(r)
		}
		i = (i + 1) % len(flows)
	}
}

func BenchmarkNewIndex(b *testing.B) {
	policy := largePolicy()
	b.ReportAllocs()
	for b.Loop() {
		NewIndex(policy, gateway)
	}
}

// BenchmarkTally counts 200,000 flows an operation.
func BenchmarkTally(b *testing.B) {
	policy := largePolicy()
	x, flows := NewIndex(policy, gateway), largeFlows(policy, 200000)
	b.ReportAllocs()
	for b.Loop() {
		t := NewTally(x)
		for i := range flows {
			t.Add(&flows[i])
		}
		if t.totals.Owned != uint64(len(flows)) {
			b.Fatal(t.totals)
		}
	}
}

func BenchmarkReport(b *testing.B) {
	policy := largePolicy()
	t := NewTally(NewIndex(policy, gateway))
	flows := largeFlows(policy, 200000)
	for i := range flows {
		t.Add(&flows[i])
	}
	b.ReportAllocs()
	for b.Loop() {
		t.Report()
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	f, o := recorded(b)
	e, buf, at := &Event{Kind: Destroy, Flow: *f}, make([]byte, 0, 4096), time.Unix(1, 0)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendEvent(buf[:0], e, at, &o)
	}
}
