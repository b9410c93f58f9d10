package ha

import (
	"fmt"
	"net/netip"
	"strings"
)

// Where conntrackd of Debian and its relatives keeps what belongs to it.
const (
	DaemonConfig = "/etc/conntrackd/conntrackd.conf"
	daemonLock   = "/var/lock/conntrackd.lock"
	daemonSocket = "/var/run/conntrackd.sock"
)

// Conntrackd returns conntrackd.conf of a node, for conntrackd 1.4 and later (conntrackd.conf(5)).
//
// What the peer's flows are is kept in conntrackd itself, not in this node's kernel: there nobody would renew
// them, and UDP flows and quiet TCP connections would time out while they live on the peer.
func (s *Sync) Conntrackd() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# conntrackd.conf of node %s, by `snatctl ha conntrackd`. Both nodes' differ in the two addresses.", s.Node)
	line("Sync {")
	line("    Mode FTFW {")
	line("        StartupResync on")
	line("        PurgeTimeout 15 # seconds that a node keeps its own flows after it was primary")
	line("    }")
	line("    UDP {")
	line("        %s_address %s", family(s.Ends.Own), s.Ends.Own)
	line("        %s_Destination_Address %s", family(s.Ends.Peer), s.Ends.Peer)
	line("        Port 3780")
	line("        Interface %s", s.Ends.Interface)
	line("        SndSocketBuffer 4194304")
	line("        RcvSocketBuffer 4194304")
	line("        Checksum on")
	line("    }")
	if len(s.Helpers) > 0 {
		line("    Options {")
		line("        ExpectationSync { # connections that others announce: helpers of the policy")
		for _, h := range s.Helpers {
			line("            %s", h)
		}
		line("        }")
		line("    }")
	}
	line("}")
	line("General {")
	line("    HashSize %d", buckets(s.Flows))
	line("    HashLimit %d", s.Flows)
	line("    Syslog on")
	line("    LockFile %s", daemonLock)
	line("    UNIX {")
	line("        Path %s", daemonSocket)
	line("    }")
	line("    NetlinkBufferSize 4194304")
	line("    NetlinkBufferSizeMaxGrowth 67108864")
	line("    NetlinkOverrunResync on")
	line("    Filter From Userspace {")
	line("        Protocol Accept {")
	line("            TCP")
	line("            UDP")
	line("            SCTP")
	line("            DCCP")
	line("            ICMP")
	line("            IPv6-ICMP")
	line("        }")
	line("        Address Ignore { # connections with the nodes themselves")
	for _, a := range s.ignored() {
		line("            %s_address %s", family(a), a)
	}
	line("        }")
	line("    }")
	line("}")
	return b.String()
}

// ignored are the addresses whose connections are not handed on, each once.
func (s *Sync) ignored() (all []netip.Addr) {
	seen := make(map[netip.Addr]bool)
	for _, a := range append([]netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback(), s.Ends.Own, s.Ends.Peer}, s.Ignored...) {
		if !seen[a] {
			seen[a] = true
			all = append(all, a)
		}
	}
	return all
}

// family is how conntrackd calls the family of an address.
func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// buckets are as many as fill eightfold at the limit, as conntrackd's own example has it, and a power of 2.
func buckets(flows int) int {
	n := 1024
	for n*8 < flows {
		n *= 2
	}
	return n
}
