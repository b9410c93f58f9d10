package health

import (
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// caller waits for the ends of plain TCP connects: all of them by one epoll descriptor, and so
// by one goroutine, however many servers are silent. Its methods need the scheduler's lock.
type caller struct {
	epoll    *os.File // a descriptor of epoll can itself be waited for, so no thread blocks in it
	fd       int
	priority uint32
	calls    []call // by descriptor of the socket
	serial   int32
	open     int // how many calls there are
	most     int // and how many there may be
}

// call is one connect that has no end yet.
type call struct {
	check  *check // nil: none
	serial int32  // tells it from later ones with the same descriptor
}

// plainConnect tells whether a check ends with the connect, so that no goroutine need wait for it.
func plainConnect(c *Check) bool { return c.Type == TCP && c.Send == "" && c.Expect == "" }

func newCaller(priority uint32) (*caller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // else os.File would block a thread
		unix.Close(fd)
		return nil, err
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("getrlimit", err)
	}
	most := int(min(files.Cur-files.Cur/4, 1<<20)) // the rest of the process needs some
	return &caller{epoll: os.NewFile(uintptr(fd), "epoll"), fd: fd, priority: priority, most: most}, nil
}

// call begins a connect. An error is its end.
func (l *caller) call(c *check) error {
	if l.open >= l.most {
		return os.NewSyscallError("socket", unix.EMFILE)
	}
	family, to := sockaddr(c.target.Addr())
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	if err = l.connect(fd, to, c.target.Check.Via); err != nil {
		unix.Close(fd)
		return err
	}
	for len(l.calls) <= fd {
		l.calls = append(l.calls, call{})
	}
	l.serial, l.open = l.serial+1, l.open+1
	l.calls[fd] = call{c, l.serial}
	c.fd = fd
	return nil
}

func (l *caller) connect(fd int, to unix.Sockaddr, v Via) error {
	if err := prepare(fd, l.priority, v); err != nil {
		return err
	}
	// Closing resets the connection. So it leaves no socket in TIME_WAIT, and conntrack forgets it
	// after 10 s instead of 120.
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	// The acknowledgement of the server's answer waits, and the reset is there first. So the server's
	// program does not see a connection that comes and goes, and a packet and a socket are saved
	// (net/ipv4/tcp_input.c, tcp_rcv_synsent_state_process). haproxy checks in the same way.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Connect(fd, to); err != nil && err != unix.EINPROGRESS {
		return os.NewSyscallError("connect", err)
	}
	ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLONESHOT, Fd: int32(fd), Pad: l.serial + 1}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// hangUp ends a connect.
func (l *caller) hangUp(c *check) {
	l.calls[c.fd] = call{}
	l.open--
	unix.Close(c.fd)
}

// answered ends the connect that an event is about, and returns its check and error; nil if it
// has ended before.
func (l *caller) answered(ev unix.EpollEvent) (*check, error) {
	at := l.calls[ev.Fd]
	if at.check == nil || at.serial != ev.Pad {
		return nil, nil
	}
	return at.check, l.ended(at.check)
}

// ended closes a connect that has an end, and returns its error.
func (l *caller) ended(c *check) error {
	code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	l.hangUp(c)
	return os.NewSyscallError("connect", err)
}

// giveUp ends a connect whose time is up, and returns its error. Where this machine was held up,
// the end may have come in time without being looked at yet. The kernel also knows what routers
// said of a connect that it has not given up itself (socket(7), SO_ERROR; sk_err_soft).
func (l *caller) giveUp(c *check) error {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}, 0)
	silent := n == 0 || err != nil
	if err = l.ended(c); err == nil && silent {
		err = dialError{os.ErrDeadlineExceeded}
	}
	return err
}

// close ends all connects, and the waiting for them.
func (l *caller) close() {
	for fd, c := range l.calls {
		if c.check != nil {
			unix.Close(fd)
		}
	}
	l.calls = nil
	l.epoll.Close()
}

// connect begins to wait for the ends of plain TCP connects.
func (s *Scheduler) connect() error {
	l, err := newCaller(s.opt.Priority)
	if err != nil {
		return err
	}
	conn, err := l.epoll.SyscallConn()
	if err != nil {
		l.close()
		return err
	}
	s.mu.Lock()
	s.caller = l
	s.mu.Unlock()
	s.group.Go(func() { s.listen(conn) })
	return nil
}

// eventsAtOnce is how many connects end before others have a look at the scheduler.
const eventsAtOnce = 64

// listen counts connects that have ended, until the caller is closed.
func (s *Scheduler) listen(conn syscall.RawConn) {
	events := make([]unix.EpollEvent, eventsAtOnce)
	for {
		n := 0
		err := conn.Read(func(fd uintptr) bool {
			n = ready(int(fd), events)
			return n > 0
		})
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		s.count(events[:n])
		s.mu.Unlock()
	}
}

// harvest counts all connects that have ended by now. The loop does so before it begins others:
// where there is more to do than time, answers would pile up behind calls.
func (s *Scheduler) harvest() {
	if s.caller == nil {
		return
	}
	var events [eventsAtOnce]unix.EpollEvent
	for n := len(events); n == len(events); {
		n = ready(s.caller.fd, events[:])
		s.count(events[:n])
	}
}

// ready returns how many connects have ended, without waiting.
func ready(epoll int, events []unix.EpollEvent) int {
	n, err := unix.EpollWait(epoll, events, 0)
	if err != nil {
		return 0
	}
	return n
}

// count counts connects that have ended.
func (s *Scheduler) count(events []unix.EpollEvent) {
	for _, ev := range events {
		if s.caller == nil {
			return
		}
		if c, err := s.caller.answered(ev); c != nil {
			s.done(c, judge(err, c.target.Check))
		}
	}
}

// disconnect ends what connect began.
func (s *Scheduler) disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.caller != nil {
		s.caller.close()
		s.caller = nil
	}
}

// sockaddr returns the family and address for connect.
func sockaddr(a netip.AddrPort) (int, unix.Sockaddr) {
	if a.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}
