package host

import (
	"os"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// Accounting are the sysctls without which reports lack bytes, times and the ends of old flows
// (nf_conntrack-sysctl.rst), as paths below /proc/sys.
var Accounting = []string{
	"net/netfilter/nf_conntrack_acct",
	"net/netfilter/nf_conntrack_timestamp",
	"net/netfilter/nf_conntrack_events",
}

// Forwarding is the sysctl that lets the kernel forward a family (ip-sysctl.rst).
func Forwarding(f inet.Family) string {
	if f == inet.V6 {
		return "net/ipv6/conf/all/forwarding"
	}
	return "net/ipv4/ip_forward"
}

// IsOn tells whether a sysctl is 1. One that cannot be read is not.
func IsOn(key string) bool {
	b, err := os.ReadFile(procSys + key)
	return err == nil && strings.TrimSpace(string(b)) == "1"
}

// SysctlName is the name of a sysctl as sysctl(8) has it: with dots.
func SysctlName(key string) string { return strings.ReplaceAll(key, "/", ".") }
