package ctlink

import (
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
)

// decode reads the attributes of a flow, as ctnetlink_fill_info and ctnetlink_conntrack_event
// write them (nf_conntrack_netlink.c), into f, whatever that held before. It returns when an
// event happened, in nanoseconds since 1970, where the kernel tells.
func decode(b []byte, f *ct.Flow) (at int64, err error) {
	*f = ct.Flow{}
	a := attrs{rest: b}
	for a.next() {
		switch a.typ {
		case ctaTupleOrig:
			err = tuple(a.val, &f.Orig, &f.CTZone)
		case ctaTupleReply:
			err = tuple(a.val, &f.Reply, &f.ReplyCTZone)
		case ctaStatus:
			f.Status = ct.Status(a.u32())
		case ctaProtoInfo:
			f.TCPState, err = tcpState(a.val)
		case ctaTimeout:
			f.Timeout = a.u32()
		case ctaCountersOrig:
			f.In, err = traffic(a.val)
		case ctaCountersReply:
			f.Out, err = traffic(a.val)
		case ctaID:
			f.ID = a.u32()
		case ctaZone:
			f.CTZone = a.u16()
			f.ReplyCTZone = f.CTZone
		case ctaTimestamp:
			err = times(a.val, f)
		case ctaTimestampEvent:
			at = int64(a.u64())
		}
		if err != nil {
			return 0, err
		}
	}
	return at, a.err
}

// tuple reads one direction (ctnetlink_dump_tuples, and ctnetlink_dump_zone_id for zones
// that hold for one direction).
func tuple(b []byte, t *ct.Tuple, zone *uint16) error {
	var src, dst netip.Addr
	var sport, dport uint16
	a := attrs{rest: b}
	for a.next() {
		var err error
		switch a.typ {
		case ctaTupleIP:
			src, dst, err = addresses(a.val)
		case ctaTupleProto:
			sport, dport, err = protocol(a.val, t)
		case ctaTupleZone:
			*zone = a.u16()
		}
		if err != nil {
			return err
		}
	}
	t.Src, t.Dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	return a.err
}

func addresses(b []byte) (src, dst netip.Addr, err error) {
	a := attrs{rest: b}
	for a.next() {
		switch a.typ {
		case ctaIPv4Src:
			src = a.ipv4()
		case ctaIPv4Dst:
			dst = a.ipv4()
		case ctaIPv6Src:
			src = a.ipv6()
		case ctaIPv6Dst:
			dst = a.ipv6()
		}
	}
	return src, dst, a.err
}

func (a *attrs) ipv4() (ip netip.Addr) {
	if len(a.val) != 4 {
		a.short()
		return ip
	}
	return netip.AddrFrom4([4]byte(a.val))
}

func (a *attrs) ipv6() (ip netip.Addr) {
	if len(a.val) != 16 {
		a.short()
		return ip
	}
	return netip.AddrFrom16([16]byte(a.val))
}

func protocol(b []byte, t *ct.Tuple) (sport, dport uint16, err error) {
	a := attrs{rest: b}
	for a.next() {
		switch a.typ {
		case ctaProtoNum:
			t.Proto = inet.Proto(a.u8())
		case ctaProtoSrcPort, ctaProtoICMPID, ctaProtoICMPv6ID:
			sport = a.u16()
		case ctaProtoDstPort:
			dport = a.u16()
		case ctaProtoICMPType, ctaProtoICMPv6Type:
			t.ICMPType = a.u8()
		case ctaProtoICMPCode, ctaProtoICMPv6Code:
			t.ICMPCode = a.u8()
		}
	}
	return sport, dport, a.err
}

func tcpState(b []byte) (state ct.TCPState, err error) {
	a := attrs{rest: b}
	for a.next() {
		if a.typ != ctaProtoInfoTCP {
			continue
		}
		tcp := attrs{rest: a.val}
		for tcp.next() {
			if tcp.typ == ctaProtoInfoTCPState {
				state = ct.TCPState(tcp.u8())
			}
		}
		if tcp.err != nil {
			return 0, tcp.err
		}
	}
	return state, a.err
}

func traffic(b []byte) (t ct.Traffic, err error) {
	a := attrs{rest: b}
	for a.next() {
		switch a.typ {
		case ctaCountersPackets:
			t.Packets = a.u64()
		case ctaCountersBytes:
			t.Bytes = a.u64()
		}
	}
	return t, a.err
}

func times(b []byte, f *ct.Flow) error {
	a := attrs{rest: b}
	for a.next() {
		switch a.typ {
		case ctaTimestampStart:
			f.Start = moment(int64(a.u64()))
		case ctaTimestampStop:
			f.Stop = moment(int64(a.u64()))
		}
	}
	return a.err
}

// moment is a time given in nanoseconds since 1970; 0 is no time.
func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
