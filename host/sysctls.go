package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/policy/lint"
)

// keys are the sysctls that rules ask for, or begin with what they ask for; rp_filter comes
// once for each interface.
var keys = [...]string{
	"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv4/conf/*/rp_filter",
	"net/ipv4/ip_local_port_range", "net/ipv4/ip_local_reserved_ports",
	"net/netfilter/nf_conntrack_acct", "net/netfilter/nf_conntrack_timestamp", "net/netfilter/nf_conntrack_events",
	"net/netfilter/nf_conntrack_max", "net/netfilter/nf_conntrack_buckets", "net/netfilter/nf_conntrack_count",
	"net/netfilter/nf_conntrack_*timeout*",
}

const procSys = "/proc/sys/"

func sysctls(h *lint.Host) error {
	values := make(map[string]string)
	var denied error
	for _, pattern := range keys {
		paths, err := filepath.Glob(procSys + pattern)
		if err != nil {
			return fmt.Errorf("look for sysctls: %w", err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			switch {
			case errors.Is(err, fs.ErrNotExist): // an interface that went away
			case err != nil:
				denied = err
			default:
				values[strings.TrimPrefix(path, procSys)] = strings.TrimSpace(string(text))
			}
		}
	}
	if len(values) == 0 {
		if denied == nil {
			denied = errors.New("is /proc mounted?")
		}
		return fmt.Errorf("read sysctls: %w", denied)
	}
	h.Sysctls = values
	number := func(name string) int {
		n, _ := strconv.Atoi(values["net/netfilter/nf_conntrack_"+name])
		return n
	}
	h.Conntrack = lint.Conntrack{Count: number("count"), Max: number("max"), Buckets: number("buckets")}
	return nil
}
