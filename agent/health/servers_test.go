package health

import (
	"net"
	"os"

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
