package ctlink

import (
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
)

// Key names one flow to the kernel, by what answers to it look like. That holds the
// translation: a flow that has begun since with the same first packet, and that is translated
// otherwise, is another one. The kernel's id alone does not tell them apart, as it is made of
// the first direction's tuple and of the entry's place in memory, which is soon taken again
// (nf_ct_get_id).
type Key struct {
	Reply  ct.Tuple // with addresses; without them nothing is deleted
	ID     uint32   // 0 is any
	CTZone uint16   // of that direction
}

// KeyOf returns the key of a flow.
func KeyOf(f *ct.Flow) Key { return Key{f.Reply, f.ID, f.ReplyCTZone} }

// String returns "tcp 192.168.1.1:80 > 10.1.5.9:40000", the direction of answers.
func (k Key) String() string {
	return fmt.Sprintf("%s %s > %s", k.Reply.Proto, k.Reply.Src, k.Reply.Dst)
}

// DeleteError says which flows stand although they were to be deleted.
type DeleteError struct {
	Failed int
	First  Key   // one of them
	Err    error // why it stands
}

func (e *DeleteError) Error() string {
	return fmt.Sprintf("%d flows could not be deleted, the first of them %s: %v", e.Failed, e.First, e.Err)
}

func (e *DeleteError) Unwrap() error { return e.Err }

// batchSize is how many bytes of requests go into one datagram. Its answers, if all fail,
// must fit recvSpace.
const batchSize = 60 << 10

// Delete ends flows and returns how many it ended. Those that are gone already are no error.
// Those that the kernel refuses to delete don't stop the rest; a *DeleteError tells of them.
// The kernel says nothing to either end of a connection that is deleted.
func (c *Conn) Delete(ctx context.Context, keys []Key) (deleted int, err error) {
	var failed DeleteError
	for len(keys) > 0 {
		if err := c.ready(ctx); err != nil {
			return deleted, fmt.Errorf("delete flows: %w", err)
		}
		first := c.seq + 1
		n, err := c.sendDeletes(keys)
		if err == nil {
			deleted += n
			err = c.refusals(first, func(i int, e unix.Errno) {
				deleted--
				if e != unix.ENOENT {
					failed.add(keys[i], e)
				}
			})
		}
		if err != nil {
			return deleted, fmt.Errorf("delete flows: %w", err)
		}
		keys = keys[n:]
	}
	if failed.Failed > 0 {
		return deleted, &failed
	}
	return deleted, nil
}

func (e *DeleteError) add(k Key, err error) {
	if e.Failed++; e.Failed == 1 {
		e.First, e.Err = k, explain(err)
	}
}

// sendDeletes sends one datagram for as many of the keys as it holds, and returns how many.
// Only the last request asks to be acknowledged: others are answered if they fail.
func (c *Conn) sendDeletes(keys []Key) (n int, err error) {
	b, last := c.out[:0], 0
	for n < len(keys) && len(b) < batchSize {
		last = len(b)
		c.seq++
		b = appendDelete(b, &keys[n], c.seq)
		n++
	}
	binary.NativeEndian.PutUint16(b[last+6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	c.out = b
	return n, c.send(b)
}

// refusals reads the answers to the requests from first up to c.seq.
func (c *Conn) refusals(first uint32, refused func(i int, e unix.Errno)) error {
	for {
		b, err := c.recv()
		if err != nil {
			return err
		}
		for len(b) > 0 {
			var m message
			if m, b, err = cut(b); err != nil {
				return err
			}
			i := m.seq - first
			if m.typ != unix.NLMSG_ERROR || i > c.seq-first {
				continue // left over from an earlier request
			}
			switch e := errno(m.data); e {
			case 0:
			case unix.EPERM: // the first request's, for all of the datagram (nfnetlink_rcv)
				return explain(e)
			default:
				refused(int(i), e)
			}
			if m.seq == c.seq {
				return nil
			}
		}
	}
}

// appendDelete appends the request for one key. It always holds a tuple: a request without
// one deletes all flows (ctnetlink_del_conntrack).
func appendDelete(b []byte, k *Key, seq uint32) []byte {
	start := len(b)
	family := byte(unix.AF_INET)
	if k.Reply.Src.Addr().Is6() {
		family = unix.AF_INET6
	}
	b = appendHeader(b, ctDelete, 0, seq, family)
	b = appendTuple(b, ctaTupleReply, &k.Reply)
	if k.ID != 0 {
		b = appendU32(b, ctaID, k.ID)
	}
	if k.CTZone != 0 {
		b = appendU16(b, ctaZone, k.CTZone)
	}
	binary.NativeEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// appendTuple appends one direction of a flow (ctnetlink_parse_tuple). Every protocol
// takes the attributes that it knows and ignores the others.
func appendTuple(b []byte, typ uint16, t *ct.Tuple) []byte {
	src, dst := ctaIPv4Src, ctaIPv4Dst
	if t.Src.Addr().Is6() {
		src, dst = ctaIPv6Src, ctaIPv6Dst
	}
	b, whole := openNest(b, typ)
	b, ip := openNest(b, ctaTupleIP)
	b = appendAttr(b, uint16(src), t.Src.Addr().AsSlice())
	b = appendAttr(b, uint16(dst), t.Dst.Addr().AsSlice())
	closeNest(b, ip)
	b, proto := openNest(b, ctaTupleProto)
	b = appendU8(b, ctaProtoNum, uint8(t.Proto))
	switch t.Proto {
	case inet.ICMP:
		b = appendU16(b, ctaProtoICMPID, t.Src.Port())
		b = appendU8(b, ctaProtoICMPType, t.ICMPType)
		b = appendU8(b, ctaProtoICMPCode, t.ICMPCode)
	case inet.ICMPv6:
		b = appendU16(b, ctaProtoICMPv6ID, t.Src.Port())
		b = appendU8(b, ctaProtoICMPv6Type, t.ICMPType)
		b = appendU8(b, ctaProtoICMPv6Code, t.ICMPCode)
	default:
		b = appendU16(b, ctaProtoSrcPort, t.Src.Port())
		b = appendU16(b, ctaProtoDstPort, t.Dst.Port())
	}
	closeNest(b, proto)
	closeNest(b, whole)
	return b
}
