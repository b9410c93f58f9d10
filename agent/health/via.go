package health

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Via is the way that the packets of a check take, whatever else routing says. The zero value is
// routing's own.
type Via struct {
	// Interface is the one by which they leave, and the only one whose answers count
	// (SO_BINDTODEVICE); empty: any.
	Interface string
	// Mark is the packets' mark (SO_MARK), by which rules of routing know them: of two routers on
	// one interface it tells which; 0: none.
	Mark uint32
}

// bind gives a socket its way. That comes before it connects, since this is when routing is asked.
func (v Via) bind(fd int) error {
	if v.Mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(v.Mark)); err != nil {
			return localError{os.NewSyscallError("SO_MARK", err)} // not allowed
		}
	}
	if v.Interface == "" {
		return nil
	}
	switch err := unix.BindToDevice(fd, v.Interface); err {
	case nil:
		return nil
	case unix.ENODEV:
		return fmt.Errorf("there is no interface %s", v.Interface)
	default:
		return localError{os.NewSyscallError("SO_BINDTODEVICE", err)}
	}
}

// wayKey is where a context has the way that a dialer's sockets take.
type wayKey struct{}

// by returns a context in which the dialer takes the way of a check.
func (v Via) by(ctx context.Context) context.Context {
	if v == (Via{}) {
		return ctx
	}
	return context.WithValue(ctx, wayKey{}, v)
}

// prepare gives the socket of a check its way and the priority of its packets.
func prepare(fd int, priority uint32, v Via) error {
	if err := mark(fd, priority); err != nil {
		return err
	}
	return v.bind(fd)
}

// lacksWay tells whether an error, else one of this machine, is what a check says of its way: an
// interface without an address of the family reaches nobody, and one that has just lost its carrier
// drops what it is given (net/sched/sch_generic.c, noop_enqueue: the sender sees ENOBUFS).
func (v Via) lacksWay(err syscall.Errno) bool {
	return v.Interface != "" && (err == syscall.EADDRNOTAVAIL || err == syscall.ENOBUFS)
}
