// Package ctlink is the kernel's side of package ct: it lists flows, deletes them, and reports
// their events. It is the only package that talks netlink for connection tracking.
package ctlink

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// Errors that a caller can test for.
var (
	// ErrNoPermission says that the process may not see this namespace's flows.
	ErrNoPermission = errors.New("not permitted: connection tracking needs CAP_NET_ADMIN in this network namespace (run as root)")
	// ErrUnsupported says that the kernel has no conntrack, or no netlink for it.
	ErrUnsupported = errors.New("this kernel has no connection tracking by netlink (CONFIG_NF_CT_NETLINK; try `modprobe nf_conntrack_netlink`)")
)

// open opens a netlink socket in the network namespace of the calling thread, with room
// for that many bytes of answers.
func open(flags, room int) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|flags, unix.NETLINK_NETFILTER)
	if err != nil {
		return -1, fmt.Errorf("open netlink socket for conntrack: %w", explain(err))
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("bind netlink socket for conntrack: %w", explain(err))
	}
	// Without privilege over the socket limits the defaults must do.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room)
	}
	return fd, nil
}

// explain gives the kernel's error numbers the meaning that they have here.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w (%w)", ErrNoPermission, os.ErrPermission)
	case errors.Is(err, unix.EPROTONOSUPPORT):
		return fmt.Errorf("%w (%w)", ErrUnsupported, err)
	}
	return err
}

// appendHeader appends what every message begins with, without its length; family 0 is both.
func appendHeader(b []byte, typ, flags uint16, seq uint32, family byte) []byte {
	return nfnl.AppendHeader(b, unix.NFNL_SUBSYS_CTNETLINK<<8|typ, unix.NLM_F_REQUEST|flags, seq, family, 0)
}
