package ctlink

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nfnl"
)

// destroyed is the event of a TCP connection's end, as the kernel writes it, with as many
// attributes as it ever has.
func destroyed() []byte {
	b := appendHeader(nil, ctDelete, 0, 0, unix.AF_INET)
	orig := ct.Tuple{Proto: inet.TCP, Src: netip.MustParseAddrPort("10.1.5.9:40000"), Dst: netip.MustParseAddrPort("203.0.113.10:80")}
	b = appendTuple(b, ctaTupleOrig, &orig)
	b = appendTuple(b, ctaTupleReply, &ct.Tuple{Proto: inet.TCP, Src: netip.MustParseAddrPort("192.168.1.1:8080"), Dst: orig.Src})
	b = nfnl.AppendU32(b, ctaID, 77)
	b = nfnl.AppendU32(b, ctaStatus, uint32(ct.SeenReply|ct.Assured|ct.DstNAT))
	for _, dir := range []struct {
		typ            uint16
		packets, bytes uint64
	}{{ctaCountersOrig, 5, 268}, {ctaCountersReply, 4, 239}} {
		var n int
		b, n = nfnl.OpenNest(b, dir.typ)
		b = nfnl.AppendAttr(b, ctaCountersPackets, binary.BigEndian.AppendUint64(nil, dir.packets))
		b = nfnl.AppendAttr(b, ctaCountersBytes, binary.BigEndian.AppendUint64(nil, dir.bytes))
		nfnl.CloseNest(b, n)
	}
	b, n := nfnl.OpenNest(b, ctaTimestamp)
	b = nfnl.AppendAttr(b, ctaTimestampStart, binary.BigEndian.AppendUint64(nil, 1e18))
	b = nfnl.AppendAttr(b, ctaTimestampStop, binary.BigEndian.AppendUint64(nil, 1e18+5e9))
	nfnl.CloseNest(b, n)
	b, n = nfnl.OpenNest(b, ctaProtoInfo)
	b, tcp := nfnl.OpenNest(b, ctaProtoInfoTCP)
	b = nfnl.AppendU8(b, ctaProtoInfoTCPState, 7)
	nfnl.CloseNest(b, tcp)
	nfnl.CloseNest(b, n)
	b = nfnl.AppendU16(b, ctaZone, 3)
	b = nfnl.AppendAttr(b, ctaTimestampEvent, binary.BigEndian.AppendUint64(nil, 1e18+5e9+1))
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

func TestDecodeEvent(t *testing.T) {
	var got ct.Event
	if err := decodeEvent(destroyed(), &got); err != nil {
		t.Fatal(err)
	}
	want := ct.Event{Kind: ct.Destroy, At: moment(1e18 + 5e9 + 1), Flow: ct.Flow{
		Orig:  ct.Tuple{Proto: inet.TCP, Src: netip.MustParseAddrPort("10.1.5.9:40000"), Dst: netip.MustParseAddrPort("203.0.113.10:80")},
		Reply: ct.Tuple{Proto: inet.TCP, Src: netip.MustParseAddrPort("192.168.1.1:8080"), Dst: netip.MustParseAddrPort("10.1.5.9:40000")},
		ID:    77, CTZone: 3, ReplyCTZone: 3, Status: ct.SeenReply | ct.Assured | ct.DstNAT, TCPState: 7,
		In: ct.Traffic{Packets: 5, Bytes: 268}, Out: ct.Traffic{Packets: 4, Bytes: 239},
		Start: moment(1e18), Stop: moment(1e18 + 5e9),
	}}
	if got != want {
		t.Errorf("the event is read as %+v, want %+v", got, want)
	}
}

// A flow that a program has entered is no new one.
func TestDecodeEntered(t *testing.T) {
	for port, want := range map[uint32]ct.EventKind{0: ct.New, 4711: ct.Taken} {
		b := destroyed()
		binary.NativeEndian.PutUint16(b[4:], unix.NFNL_SUBSYS_CTNETLINK<<8|ctNew)
		binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_CREATE|unix.NLM_F_EXCL)
		binary.NativeEndian.PutUint32(b[12:], port)
		var e ct.Event
		if err := decodeEvent(b, &e); err != nil || e.Kind != want {
			t.Errorf("asked for by port %d: %v (%v), want %v", port, e.Kind, err, want)
		}
	}
}

// A related flow's master is told by the direction of its first packet.
func TestDecodeMaster(t *testing.T) {
	master := ct.Tuple{Proto: inet.TCP, Src: netip.MustParseAddrPort("10.1.5.9:40000"), Dst: netip.MustParseAddrPort("203.0.113.10:21")}
	data := ct.Tuple{Proto: inet.TCP, Src: netip.MustParseAddrPort("10.1.5.9:40001"), Dst: netip.MustParseAddrPort("203.0.113.10:6000")}
	b := appendTuple(nil, ctaTupleOrig, &data)
	b = nfnl.AppendU32(b, ctaStatus, uint32(ct.Expected))
	b = appendTuple(b, ctaTupleMaster, &master)
	var f ct.Flow
	if _, err := decode(b, &f); err != nil || f.Master != master || f.Orig != data || f.Status != ct.Expected {
		t.Errorf("the flow is read as %+v (%v)", f, err)
	}
	if _, err := decode(b[:len(b)-4], &f); err == nil {
		t.Error("a master that is cut off is read")
	}
}

// Reading an event or a flow takes no memory.
func TestDecodeAllocatesNothing(t *testing.T) {
	b, e := destroyed(), ct.Event{}
	if n := testing.AllocsPerRun(100, func() { _ = decodeEvent(b, &e) }); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

// An event that is cut anywhere is either read or refused, and never makes the decoder fail.
func TestDecodeCut(t *testing.T) {
	whole := destroyed()
	for n := range whole {
		b := append([]byte{}, whole[:n]...)
		if n >= 4 {
			binary.NativeEndian.PutUint32(b, uint32(n))
		}
		var e ct.Event
		if err := decodeEvent(b, &e); err == nil && n < unix.NLMSG_HDRLEN+nfnl.GenmsgLen {
			t.Errorf("%d bytes are an event", n)
		}
	}
}

func BenchmarkDecodeEvent(b *testing.B) {
	data, e := destroyed(), ct.Event{}
	b.ReportAllocs()
	for b.Loop() {
		if err := decodeEvent(data, &e); err != nil {
			b.Fatal(err)
		}
	}
}
