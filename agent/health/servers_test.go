package health

import (
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/snatctl/snatctl/inet"
	"golang.org/x/sys/unix"
)

// listenBacklog listens with a queue of a certain length.
func listenBacklog(n int) (net.Listener, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, err
	}
	if err := unix.Listen(fd, n); err != nil {
		return nil, err
	}
	return net.FileListener(f)
}

// once checks an address once and returns what is wrong with it.
func once(t *testing.T, k Check, to string) string {
	t.Helper()
	if k.Timeout == 0 {
		k.Timeout = 5 * time.Second
	}
	p := newProbes(Options{AllowExec: true})
	began := time.Now()
	res := p.run(t.Context(), Target{ID: ID{"web", netip.MustParseAddrPort("192.0.2.1:80")}, To: netip.MustParseAddrPort(to), Proto: inet.TCP, Check: &k})
	if took := time.Since(began); took > k.Timeout+time.Second {
		t.Errorf("the check took %s, its timeout is %s", took, k.Timeout)
	}
	return res.problem
}

// short is the timeout of checks that are to run into it.
const short = 300 * time.Millisecond

// serveTCP answers each connection by a function, and closes it after that.
func serveTCP(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// serveUDP answers each datagram with what a function returns; nil: not at all.
func serveUDP(t testing.TB, answer func([]byte) []byte) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		for buf := make([]byte, 65536); ; {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if b := answer(buf[:n]); b != nil {
				c.WriteTo(b, from)
			}
		}
	}()
	return c.LocalAddr().String()
}

// refused returns an address where nobody listens.
func refused(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// hold reads until the caller goes.
func hold(c net.Conn) { io.Copy(io.Discard, c) }

// say sends a text, and holds the connection.
func say(text string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		hold(c)
	}
}

// sayAndClose sends a text, and closes behind it.
func sayAndClose(text string) func(net.Conn) {
	return func(c net.Conn) { io.WriteString(c, text) }
}

// abort resets the connection.
func abort(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
