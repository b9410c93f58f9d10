// Package wire is the codec of nftables' netlink messages: rulesets and plans of package nft
// to bytes and back, a file a concept. The numbers of messages, attributes and flags are those
// of include/uapi/linux/netfilter/nf_tables.h; each file begins with the attributes that it
// writes or reads, and what they mean.
//
// Nothing here opens a socket; package nftlink sends what is encoded here and hands over what
// it receives. Bytes that come back are judged as what a kernel may send: decoding neither
// panics nor skips what it does not know, which gives values that differ from all of ours.
package wire

import (
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
)

// nfprotoOf returns the kernel's number for a family.
func nfprotoOf(f inet.Family) byte {
	if f == inet.V4 {
		return unix.NFPROTO_IPV4
	}
	return unix.NFPROTO_IPV6
}
