package host

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy/lint"
)

// socket is a line of /proc/net/tcp and its like (proc_pid_net(5)).
type socket struct {
	lint.Listener
	inode string
}

// The states, in hexadecimal, in which sockets take what anybody sends: TCP_LISTEN, and
// TCP_CLOSE for a UDP socket that is not connected (include/net/tcp_states.h).
var listening = map[inet.Proto]string{inet.TCP: "0A", inet.UDP: "07"}

func listeners(h *lint.Host) error {
	var all []socket
	for _, f := range []struct {
		name  string
		proto inet.Proto
	}{{"tcp", inet.TCP}, {"tcp6", inet.TCP}, {"udp", inet.UDP}, {"udp6", inet.UDP}} {
		text, err := os.ReadFile("/proc/thread-self/net/" + f.name)
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(f.name, "6") {
			continue // a kernel without IPv6
		}
		if err != nil {
			return fmt.Errorf("list sockets: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			if s, ok := parseSocket(line, f.proto); ok {
				all = append(all, s)
			}
		}
	}
	holders := processes(all)
	h.Listeners = []lint.Listener{}
	for _, s := range all {
		s.Process = holders[s.inode]
		h.Listeners = append(h.Listeners, s.Listener)
	}
	return nil
}

// parseSocket reads a line: number, local address, remote address, state, and the inode as
// the tenth field. False for a heading and for what does not listen.
func parseSocket(line string, proto inet.Proto) (socket, bool) {
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != listening[proto] {
		return socket{}, false
	}
	addr, port, ok := strings.Cut(f[1], ":")
	b, err := hex.DecodeString(addr)
	if !ok || err != nil || len(b)%4 != 0 {
		return socket{}, false
	}
	for i := 0; i < len(b); i += 4 { // words are printed in the byte order of the machine
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	a, ok := netip.AddrFromSlice(b)
	p, err := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil {
		return socket{}, false
	}
	return socket{lint.Listener{Proto: proto, Addr: a.Unmap(), Port: uint16(p)}, f[9]}, true
}

// processes returns the names of the programs that hold sockets, by inode, as far as this
// user may see.
func processes(sockets []socket) map[string]string {
	wanted := make(map[string]bool)
	for _, s := range sockets {
		wanted[s.inode] = true
	}
	out := make(map[string]string)
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		fds, _ := os.ReadDir(dir + "/fd")
		for _, fd := range fds {
			target, _ := os.Readlink(dir + "/fd/" + fd.Name())
			inode, ok := strings.CutPrefix(target, "socket:[")
			inode = strings.TrimSuffix(inode, "]")
			if ok && wanted[inode] && out[inode] == "" {
				name, _ := os.ReadFile(dir + "/comm")
				out[inode] = strings.TrimSpace(string(name))
			}
		}
	}
	return out
}
