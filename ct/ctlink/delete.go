package ctlink

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nfnl"
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

// DeleteError says which flows are left although they were to be deleted, or marked.
type DeleteError struct {
	Failed int
	First  Key   // one of them
	Err    error // why it is left

	done string // what was to be done with them
}

func (e *DeleteError) Error() string {
	return fmt.Sprintf("%d flows could not be %s, the first of them %s: %v", e.Failed, cmp.Or(e.done, "deleted"), e.First, e.Err)
}

func (e *DeleteError) Unwrap() error { return e.Err }

// batchSize is how many bytes of requests go into one datagram. Its answers, if all fail,
// must fit recvSpace.
const batchSize = 60 << 10

// Delete ends flows and returns how many it ended. Those that are gone already are no error.
// Those that the kernel refuses to delete don't stop the rest; a *DeleteError tells of them.
// The kernel says nothing to either end of a connection that is deleted.
func (c *Conn) Delete(ctx context.Context, keys []Key) (deleted int, err error) {
	deleted, err = c.each(ctx, keys, "deleted", appendDelete)
	if err != nil && !isDeleteError(err) {
		err = fmt.Errorf("delete flows: %w", err)
	}
	return deleted, err
}

// Remark changes those bits of flows' marks that mask has, and returns of how many flows. Errors are as
// Delete's.
func (c *Conn) Remark(ctx context.Context, keys []Key, mark, mask uint32) (marked int, err error) {
	marked, err = c.each(ctx, keys, "marked", func(b []byte, k *Key, seq uint32) []byte {
		return appendRemark(b, k, seq, mark&mask, mask)
	})
	if err != nil && !isDeleteError(err) {
		err = fmt.Errorf("mark flows: %w", err)
	}
	return marked, err
}

func isDeleteError(err error) bool {
	_, is := err.(*DeleteError)
	return is
}

// request appends what is asked for about one key.
type request func(b []byte, k *Key, seq uint32) []byte

// each sends a request about each of the keys, and returns of how many it was carried out.
func (c *Conn) each(ctx context.Context, keys []Key, what string, ask request) (done int, err error) {
	failed := DeleteError{done: what}
	for len(keys) > 0 {
		if err := c.ready(ctx); err != nil {
			return done, err
		}
		first := c.seq + 1
		n, err := c.sendEach(keys, ask)
		if err == nil {
			done += n
			err = c.refusals(first, func(i int, e unix.Errno) {
				done--
				if e != unix.ENOENT {
					failed.add(keys[i], e)
				}
			})
		}
		if err != nil {
			return done, err
		}
		keys = keys[n:]
	}
	if failed.Failed > 0 {
		return done, &failed
	}
	return done, nil
}

func (e *DeleteError) add(k Key, err error) {
	if e.Failed++; e.Failed == 1 {
		e.First, e.Err = k, explain(err)
	}
}

// sendEach sends one datagram for as many of the keys as it holds, and returns how many.
// Only the last request asks to be acknowledged: others are answered if they fail.
func (c *Conn) sendEach(keys []Key, ask request) (n int, err error) {
	b, last := c.out[:0], 0
	for n < len(keys) && len(b) < batchSize {
		last = len(b)
		c.seq++
		b = ask(b, &keys[n], c.seq)
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
			var m nfnl.Message
			if m, b, err = nfnl.Cut(b); err != nil {
				return err
			}
			i := m.Seq - first
			if m.Type != unix.NLMSG_ERROR || i > c.seq-first {
				continue // left over from an earlier request
			}
			switch e := nfnl.Errno(m.Data); e {
			case 0:
			case unix.EPERM: // the first request's, for all of the datagram (nfnetlink_rcv)
				return explain(e)
			default:
				refused(int(i), e)
			}
			if m.Seq == c.seq {
				return nil
			}
		}
	}
}

// appendDelete appends the request for one key. It always holds a tuple: a request without
// one deletes all flows (ctnetlink_del_conntrack).
func appendDelete(b []byte, k *Key, seq uint32) []byte {
	start := len(b)
	b = appendKey(b, ctDelete, k, seq)
	binary.NativeEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// appendRemark appends the request that changes one flow's mark. Without NLM_F_CREATE it makes no flow, and
// what it does not name stays (ctnetlink_new_conntrack, ctnetlink_change_mark). The kernel does not
// compare the ID here.
func appendRemark(b []byte, k *Key, seq, mark, mask uint32) []byte {
	start := len(b)
	b = appendKey(b, ctNew, k, seq)
	b = nfnl.AppendU32(b, ctaMark, mark)
	b = nfnl.AppendU32(b, ctaMarkMask, mask)
	binary.NativeEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// appendKey appends a message's header, and which flow it is about.
func appendKey(b []byte, typ uint16, k *Key, seq uint32) []byte {
	family := byte(unix.AF_INET)
	if k.Reply.Src.Addr().Is6() {
		family = unix.AF_INET6
	}
	b = appendHeader(b, typ, 0, seq, family)
	b = appendTuple(b, ctaTupleReply, &k.Reply)
	if k.ID != 0 {
		b = nfnl.AppendU32(b, ctaID, k.ID)
	}
	if k.CTZone != 0 {
		b = nfnl.AppendU16(b, ctaZone, k.CTZone)
	}
	return b
}

// appendTuple appends one direction of a flow (ctnetlink_parse_tuple). Every protocol
// takes the attributes that it knows and ignores the others.
func appendTuple(b []byte, typ uint16, t *ct.Tuple) []byte {
	src, dst := ctaIPv4Src, ctaIPv4Dst
	if t.Src.Addr().Is6() {
		src, dst = ctaIPv6Src, ctaIPv6Dst
	}
	b, whole := nfnl.OpenNest(b, typ)
	b, ip := nfnl.OpenNest(b, ctaTupleIP)
	b = nfnl.AppendAttr(b, uint16(src), t.Src.Addr().AsSlice())
	b = nfnl.AppendAttr(b, uint16(dst), t.Dst.Addr().AsSlice())
	nfnl.CloseNest(b, ip)
	b, proto := nfnl.OpenNest(b, ctaTupleProto)
	b = nfnl.AppendU8(b, ctaProtoNum, uint8(t.Proto))
	switch t.Proto {
	case inet.ICMP:
		b = nfnl.AppendU16(b, ctaProtoICMPID, t.Src.Port())
		b = nfnl.AppendU8(b, ctaProtoICMPType, t.ICMPType)
		b = nfnl.AppendU8(b, ctaProtoICMPCode, t.ICMPCode)
	case inet.ICMPv6:
		b = nfnl.AppendU16(b, ctaProtoICMPv6ID, t.Src.Port())
		b = nfnl.AppendU8(b, ctaProtoICMPv6Type, t.ICMPType)
		b = nfnl.AppendU8(b, ctaProtoICMPv6Code, t.ICMPCode)
	default:
		b = nfnl.AppendU16(b, ctaProtoSrcPort, t.Src.Port())
		b = nfnl.AppendU16(b, ctaProtoDstPort, t.Dst.Port())
	}
	nfnl.CloseNest(b, proto)
	nfnl.CloseNest(b, whole)
	return b
}
