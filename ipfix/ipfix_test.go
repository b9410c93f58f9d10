package ipfix

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/internal/collector"
)

var (
	at    = time.Date(2026, 11, 22, 14, 13, 32, 680e6, time.UTC)
	start = at.Add(-1424 * time.Millisecond)
	end   = netip.MustParseAddrPort
	v4    = Record{Event: NAT44Create, At: at, Proto: 6, Src: end("10.1.5.9:34478"), NATSrc: end("198.51.100.2:1024"),
		Dst: end("203.0.113.7:80"), NATDst: end("192.168.1.1:8080")}
	v6 = Record{Event: TranslationCreate, At: at, Proto: 17, Src: end("[fd01::9]:34478"), NATSrc: end("[2001:db8:99::1]:1024"),
		Dst: end("[2001:db8::8]:53"), NATDst: end("[2001:db8::8]:53")}
)

// ended returns the record of the end of a session.
func ended(r Record) Record {
	r.Event, r.Start, r.In, r.Out = r.Event+1, start, Traffic{4, 216}, Traffic{2, 1 << 40}
	return r
}

// Every record comes out of a decoder that is not ours as it went in, under IANA's names.
func TestRecords(t *testing.T) {
	session4 := collector.Record{"observationTimeMilliseconds": "1795356812680", "natEvent": "4", "protocolIdentifier": "6",
		"sourceIPv4Address": "10.1.5.9", "sourceTransportPort": "34478", "postNATSourceIPv4Address": "198.51.100.2", "postNAPTSourceTransportPort": "1024"}
	session6 := collector.Record{"observationTimeMilliseconds": "1795356812680", "natEvent": "1", "protocolIdentifier": "17",
		"sourceIPv6Address": "fd01::9", "sourceTransportPort": "34478", "postNATSourceIPv6Address": "2001:db8:99::1", "postNAPTSourceTransportPort": "1024"}
	to4 := collector.Record{"destinationIPv4Address": "203.0.113.7", "destinationTransportPort": "80",
		"postNATDestinationIPv4Address": "192.168.1.1", "postNAPTDestinationTransportPort": "8080"}
	to6 := collector.Record{"destinationIPv6Address": "2001:db8::8", "destinationTransportPort": "53",
		"postNATDestinationIPv6Address": "2001:db8::8", "postNAPTDestinationTransportPort": "53"}
	carried := collector.Record{"flowStartMilliseconds": "1795356811256", "flowEndMilliseconds": "1795356812680",
		"octetDeltaCount": "216", "packetDeltaCount": "4", "29305/octetDeltaCount": "1099511627776", "29305/packetDeltaCount": "2"}
	unknown := ended(v4)
	unknown.Start = time.Time{}
	for name, c := range map[string]struct {
		record Record
		to     bool
		want   collector.Record
	}{
		"create":                     {v4, false, session4},
		"create, with destinations":  {v4, true, with(session4, to4)},
		"create, IPv6":               {v6, false, session6},
		"create, IPv6, destinations": {v6, true, with(session6, to6)},
		"delete":                     {ended(v4), false, with(session4, carried, collector.Record{"natEvent": "5"})},
		"delete, IPv6, destinations": {ended(v6), true, with(session6, to6, carried, collector.Record{"natEvent": "2"})},
		"delete, nothing else known": {unknown, false, with(session4, collector.Record{"natEvent": "5"})},
		"a block":                    {Record{Event: PortBlockAllocation, At: at, Src: v4.Src, NATSrc: v4.NATSrc, FirstPort: 1024, LastPort: 2047}, false, collector.Record{"observationTimeMilliseconds": "1795356812680", "natEvent": "16", "sourceIPv4Address": "10.1.5.9", "postNATSourceIPv4Address": "198.51.100.2", "portRangeStart": "1024", "portRangeEnd": "2047"}},
		"no ports":                   {Record{Event: PortsExhausted, At: at, NATSrc: v4.NATSrc, Proto: 6}, true, collector.Record{"observationTimeMilliseconds": "1795356812680", "natEvent": "12", "postNATSourceIPv4Address": "198.51.100.2", "protocolIdentifier": "6"}},
		"no ports, IPv6":             {Record{Event: PortsExhausted, At: at, NATSrc: v6.NATSrc, Proto: 6}, true, collector.Record{"observationTimeMilliseconds": "1795356812680", "natEvent": "12", "postNATSourceIPv6Address": "2001:db8:99::1", "protocolIdentifier": "6"}},
		"no addresses":               {Record{Event: AddressesExhausted, At: at, PoolID: 7, Pool: "office"}, true, collector.Record{"observationTimeMilliseconds": "1795356812680", "natEvent": "3", "natPoolId": "7", "natPoolName": "office"}},
		"records that were not sent": {Record{At: at, NotSent: 9}, false, collector.Record{"exportingProcessId": "1", "observationTimeMilliseconds": "1795356812680", "notSentFlowTotalCount": "9"}},
	} {
		got := exchange(t, c.to, c.record)
		if diff := cmp.Diff([]collector.Record{c.want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func with(all ...collector.Record) collector.Record {
	out := collector.Record{}
	for _, r := range all {
		maps.Copy(out, r)
	}
	return out
}

// exchange sends records in as few messages as they fit into, and returns what arrives.
func exchange(t *testing.T, destinations bool, records ...Record) []collector.Record {
	t.Helper()
	c, m := collector.New(), NewMessage(1400)
	var sent uint32
	flush := func() {
		if err := c.Read(m.Seal(sent, 7, at)); err != nil {
			t.Fatal(err)
		}
		sent += m.Records()
		m.Reset()
	}
	m.AddTemplates(destinations)
	flush()
	for i := range records {
		if !m.Add(&records[i], destinations) {
			flush()
			if !m.Add(&records[i], destinations) {
				t.Fatal("an empty message has no room")
			}
		}
	}
	flush()
	if c.Domain != 7 || int(sent) != len(records) || c.Sequence[len(c.Sequence)-1]+m.Records() > sent {
		t.Errorf("domain %d, sequence %d, %d records sent of %d", c.Domain, c.Sequence, sent, len(records))
	}
	return c.Records
}

// Records of all kinds share messages, none of which is longer than allowed.
func TestMessages(t *testing.T) {
	kinds := []Record{v4, ended(v4), v6, ended(v6), {Event: AddressesExhausted, At: at, Pool: "p"}}
	var records []Record
	for i := range 1000 {
		records = append(records, kinds[i%len(kinds)])
	}
	if got := exchange(t, true, records...); len(got) != len(records) {
		t.Errorf("%d records arrived of %d", len(got), len(records))
	}
	m := NewMessage(1400)
	for m.Add(&kinds[0], false) {
	}
	full := m.Seal(0, 1, at)
	if m.Records() != 62 || len(full) > 1400 {
		t.Errorf("%d records in %d bytes", m.Records(), len(full))
	}
	if err := collector.New().Read(full); err == nil {
		t.Error("a collector without templates reads records")
	}
}

// A name of 254 bytes is sent whole, a longer one cut.
func TestPoolName(t *testing.T) {
	name := string(make([]byte, 254))
	for _, more := range []string{"", "x"} {
		got := exchange(t, false, Record{Event: AddressesExhausted, At: at, Pool: name + more})
		if got[0]["natPoolName"] != name {
			t.Errorf("a name of %d bytes arrives with %d", len(name+more), len(got[0]["natPoolName"]))
		}
	}
}

// Encoding allocates nothing, since events come by the thousand a second.
func TestAddAllocatesNothing(t *testing.T) {
	m, r := NewMessage(1400), ended(v4)
	if n := testing.AllocsPerRun(1000, func() {
		if !m.Add(&r, true) {
			m.Reset()
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	m, r := NewMessage(1400), ended(v4)
	for b.Loop() {
		if !m.Add(&r, false) {
			m.Reset()
		}
	}
}
