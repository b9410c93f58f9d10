package nftlink

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
)

// Flood makes a connection lose answers: it hears of every change in its namespace, and has
// next to no room for that. So the notices of a transaction overrun the buffer, and its
// acknowledgement, which comes last, is lost.
func (c *Conn) Flood() error {
	if err := unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, unix.NFNLGRP_NFTABLES); err != nil {
		return err
	}
	return c.Narrow()
}

// Narrow leaves a connection room for a few answers only.
func (c *Conn) Narrow() error {
	return unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1) // the kernel makes it SOCK_MIN_RCVBUF
}

// Recommit carries out a plan after replacing some bytes of it: with names that no kernel
// knows, it is what a kernel is asked that lacks the named part.
func (c *Conn) Recommit(ctx context.Context, p nft.Plan, old, other string) error {
	t, err := wire.Encode(p, c.seq+1, 0)
	if err != nil {
		return err
	}
	if len(old) != len(other) {
		return fmt.Errorf("%q and %q have different lengths", old, other)
	}
	copy(t.Bytes(), bytes.ReplaceAll(t.Bytes(), []byte(old), []byte(other)))
	return c.commit(ctx, t)
}

// Own makes a table that only this connection may change, until it closes.
func (c *Conn) Own(ctx context.Context, table string) error {
	const flagOwner = 2 // NFT_TABLE_F_OWNER
	var all []byte
	add := func(typ, flags, resID uint16, attributes []byte) {
		c.seq++
		b := nfnl.AppendHeader(nil, typ, unix.NLM_F_REQUEST|flags, c.seq, unix.NFPROTO_INET, resID)
		b = append(b, attributes...)
		binary.NativeEndian.PutUint32(b, uint32(len(b)))
		all = append(all, b...)
	}
	add(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.NFNL_SUBSYS_NFTABLES, nil)
	add(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE|unix.NLM_F_ACK, 0, nfnl.AppendU32(wire.OfTable(table), unix.NFTA_TABLE_FLAGS, flagOwner))
	add(unix.NFNL_MSG_BATCH_END, 0, unix.NFNL_SUBSYS_NFTABLES, nil)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.send(all); err != nil {
		return err
	}
	d, err := c.recv(0)
	if err != nil {
		return err
	}
	m, _, err := nfnl.Cut(d)
	if errno := nfnl.Errno(m.Data); err == nil && errno != 0 {
		err = errno
	}
	return err
}
