package ctlink

import (
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nfnl"
)

// decode reads the attributes of a flow, as ctnetlink_fill_info and ctnetlink_conntrack_event
// write them (nf_conntrack_netlink.c), into f, whatever that held before. It returns when an
// event happened, in nanoseconds since 1970, where the kernel tells.
func decode(b []byte, f *ct.Flow) (at int64, err error) {
	*f = ct.Flow{}
	a := nfnl.Attrs{Rest: b}
	for a.Next() {
		switch a.Type {
		case ctaTupleOrig:
			err = tuple(a.Val, &f.Orig, &f.CTZone)
		case ctaTupleReply:
			err = tuple(a.Val, &f.Reply, &f.ReplyCTZone)
		case ctaStatus:
			f.Status = ct.Status(a.U32())
		case ctaProtoInfo:
			f.TCPState, err = tcpState(a.Val)
		case ctaTimeout:
			f.Timeout = a.U32()
		case ctaMark:
			f.Mark = a.U32()
		case ctaCountersOrig:
			f.In, err = traffic(a.Val)
		case ctaCountersReply:
			f.Out, err = traffic(a.Val)
		case ctaID:
			f.ID = a.U32()
		case ctaZone:
			f.CTZone = a.U16()
			f.ReplyCTZone = f.CTZone
		case ctaTupleMaster: // its direction of the first packet (ctnetlink_dump_master)
			var zone uint16
			err = tuple(a.Val, &f.Master, &zone)
		case ctaTimestamp:
			err = times(a.Val, f)
		case ctaTimestampEvent:
			at = int64(a.U64())
		}
		if err != nil {
			return 0, err
		}
	}
	return at, a.Err
}

// tuple reads one direction (ctnetlink_dump_tuples, and ctnetlink_dump_zone_id for zones
// that hold for one direction).
func tuple(b []byte, t *ct.Tuple, zone *uint16) error {
	if usualTuple(b, t) {
		return nil
	}
	return anyTuple(b, t, zone)
}

func anyTuple(b []byte, t *ct.Tuple, zone *uint16) error {
	var src, dst netip.Addr
	var sport, dport uint16
	a := nfnl.Attrs{Rest: b}
	for a.Next() {
		var err error
		switch a.Type {
		case ctaTupleIP:
			src, dst, err = addresses(a.Val)
		case ctaTupleProto:
			sport, dport, err = protocol(a.Val, t)
		case ctaTupleZone:
			*zone = a.U16()
		}
		if err != nil {
			return err
		}
	}
	t.Src, t.Dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	return a.Err
}

func addresses(b []byte) (src, dst netip.Addr, err error) {
	a := nfnl.Attrs{Rest: b}
	for a.Next() {
		switch a.Type {
		case ctaIPv4Src:
			src = ipv4(&a)
		case ctaIPv4Dst:
			dst = ipv4(&a)
		case ctaIPv6Src:
			src = ipv6(&a)
		case ctaIPv6Dst:
			dst = ipv6(&a)
		}
	}
	return src, dst, a.Err
}

func ipv4(a *nfnl.Attrs) (ip netip.Addr) {
	if len(a.Val) != 4 {
		a.Err = nfnl.ErrTruncated
		return ip
	}
	return netip.AddrFrom4([4]byte(a.Val))
}

func ipv6(a *nfnl.Attrs) (ip netip.Addr) {
	if len(a.Val) != 16 {
		a.Err = nfnl.ErrTruncated
		return ip
	}
	return netip.AddrFrom16([16]byte(a.Val))
}

func protocol(b []byte, t *ct.Tuple) (sport, dport uint16, err error) {
	a := nfnl.Attrs{Rest: b}
	for a.Next() {
		switch a.Type {
		case ctaProtoNum:
			t.Proto = inet.Proto(a.U8())
		case ctaProtoSrcPort, ctaProtoICMPID, ctaProtoICMPv6ID:
			sport = a.U16()
		case ctaProtoDstPort:
			dport = a.U16()
		case ctaProtoICMPType, ctaProtoICMPv6Type:
			t.ICMPType = a.U8()
		case ctaProtoICMPCode, ctaProtoICMPv6Code:
			t.ICMPCode = a.U8()
		}
	}
	return sport, dport, a.Err
}

func tcpState(b []byte) (state ct.TCPState, err error) {
	a := nfnl.Attrs{Rest: b}
	for a.Next() {
		if a.Type != ctaProtoInfoTCP {
			continue
		}
		tcp := nfnl.Attrs{Rest: a.Val}
		for tcp.Next() {
			if tcp.Type == ctaProtoInfoTCPState {
				state = ct.TCPState(tcp.U8())
			}
		}
		if tcp.Err != nil {
			return 0, tcp.Err
		}
	}
	return state, a.Err
}

func traffic(b []byte) (t ct.Traffic, err error) {
	a := nfnl.Attrs{Rest: b}
	for a.Next() {
		switch a.Type {
		case ctaCountersPackets:
			t.Packets = a.U64()
		case ctaCountersBytes:
			t.Bytes = a.U64()
		}
	}
	return t, a.Err
}

func times(b []byte, f *ct.Flow) error {
	a := nfnl.Attrs{Rest: b}
	for a.Next() {
		switch a.Type {
		case ctaTimestampStart:
			f.Start = moment(int64(a.U64()))
		case ctaTimestampStop:
			f.Stop = moment(int64(a.U64()))
		}
	}
	return a.Err
}

// moment is a time given in nanoseconds since 1970; 0 is no time.
func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
