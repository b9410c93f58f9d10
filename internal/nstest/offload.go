package nstest

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// PlainWire makes an interface of the caller's namespace compute checksums itself and leave no
// segments together, by a socket of it: what is wrong in a packet then is wrong on the wire. With
// joins it joins segments that come in, for which it looks at their checksums (GRO).
func PlainWire(fd int, link string, joins bool) error {
	type setting struct{ command, on uint32 } // struct ethtool_value
	gro := setting{command: unix.ETHTOOL_SGRO}
	if joins {
		gro.on = 1
	}
	for _, value := range []setting{{command: unix.ETHTOOL_STXCSUM}, {command: unix.ETHTOOL_STSO}, {command: unix.ETHTOOL_SGSO}, gro} {
		request := struct { // struct ifreq
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(&value)}
		copy(request.name[:], link)
		if _, _, err := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); err != 0 && err != unix.EOPNOTSUPP {
			return err
		}
	}
	return nil
}
