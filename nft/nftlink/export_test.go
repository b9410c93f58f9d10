package nftlink

import (
	"bytes"
	"context"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
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
	t, err := encode(p, c.seq+1, 0)
	if err != nil {
		return err
	}
	t.b = bytes.ReplaceAll(t.b, []byte(old), []byte(other))
	return c.commit(ctx, t)
}

// Own makes a table that only this connection may change, until it closes.
func (c *Conn) Own(ctx context.Context, table string) error {
	const flagOwner = 2 // NFT_TABLE_F_OWNER
	t := &batch{seq: c.seq, first: c.seq + 1, table: table}
	t.begin(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.NFNL_SUBSYS_NFTABLES, origin{})
	t.end()
	t.start(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, origin{})
	t.b = nfnl.AppendU32(t.b, unix.NFTA_TABLE_FLAGS, flagOwner)
	t.end()
	t.acknowledge()
	return c.commit(ctx, t)
}
