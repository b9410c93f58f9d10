//go:build ignore

// Who called? A server behind a FULLNAT service with `client_address: toa` reads its client from the SYN that
// the kernel saved. No kernel module is needed.
//
//	go run server.go 8080
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"
)

const (
	tcpSaveSYN  = 27
	tcpSavedSYN = 28
)

// client returns who called. The kernel gives the saved SYN once: ask right after Accept.
func client(c *net.TCPConn) (who netip.AddrPort, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return who, false
	}
	syn, size := make([]byte, 512), uint32(512)
	var e syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, e = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, tcpSavedSYN,
			uintptr(unsafe.Pointer(&syn[0])), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil || e != 0 || size < 40 {
		return who, false
	}
	syn = syn[:size]
	head := 40
	if syn[0]>>4 == 4 {
		head = int(syn[0]&15) * 4
	}
	tcp := syn[head:]
	for o := tcp[20 : tcp[12]>>4*4]; len(o) > 1 && o[0] != 0; {
		if o[0] == 1 {
			o = o[1:]
			continue
		}
		if o[1] < 2 || int(o[1]) > len(o) {
			return who, false
		}
		if o[0] == 254 && (o[1] == 8 || o[1] == 20) {
			addr, _ := netip.AddrFromSlice(o[4:o[1]])
			return netip.AddrPortFrom(addr, uint16(o[2])<<8|uint16(o[3])), true
		}
		o = o[o[1]:]
	}
	return who, false
}

func main() {
	port := "8080"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	save := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpSaveSYN, 1) }); e != nil {
			return e
		}
		return err
	}}
	l, err := save.Listen(context.Background(), "tcp", ":"+port)
	if err != nil {
		log.Fatal(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		if who, ok := client(c.(*net.TCPConn)); ok {
			fmt.Fprintln(c, who)
		} else {
			fmt.Fprintln(c, "nobody")
		}
		c.Close()
	}
}
