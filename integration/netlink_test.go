package integration

import (
	"encoding/binary"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/nstest"
)

// generation returns the id that the kernel gives the host's ruleset: every committed
// transaction, of whoever, raises it.
func generation(t testing.TB, h *nstest.Host) uint32 {
	t.Helper()
	var id uint32
	must(t, h.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		req := make([]byte, unix.NLMSG_HDRLEN+4) // header and struct nfgenmsg
		binary.NativeEndian.PutUint32(req[0:], uint32(len(req)))
		binary.NativeEndian.PutUint16(req[4:], unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETGEN)
		binary.NativeEndian.PutUint16(req[6:], unix.NLM_F_REQUEST)
		if err := unix.Sendto(fd, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		buf := make([]byte, 4096)
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return err
		}
		for b := buf[unix.NLMSG_HDRLEN+4 : n]; len(b) >= 8; {
			size, typ := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
			if typ&0x3fff == unix.NFTA_GEN_ID {
				id = binary.BigEndian.Uint32(b[4:])
				return nil
			}
			b = b[min((size+3)&^3, len(b)):]
		}
		return fmt.Errorf("the kernel's answer names no generation: %x", buf[:n])
	}))
	return id
}

// ownTable makes the table snatctl belong to another process, as firewall daemons do with
// theirs: the kernel then refuses everybody else. The function returned ends that process.
func ownTable(t *testing.T, h *nstest.Host) (release func()) {
	t.Helper()
	cmd := exec.Command("nft", "-i")
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, h.Do(cmd.Start))
	_, err = io.WriteString(stdin, "add table inet snatctl { flags owner; }\n")
	must(t, err)
	release = func() {
		stdin.Close()
		cmd.Wait()
	}
	t.Cleanup(release)
	for deadline := time.Now().Add(3 * time.Second); !strings.Contains(list(t, h), "flags owner"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nft -i made no table that it owns")
		}
	}
	return release
}
