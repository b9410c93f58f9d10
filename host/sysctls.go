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

const procSys = "/proc/sys/"

// Sysctl returns the value of a sysctl by its path below /proc/sys ("net/ipv4/ip_forward"), without
// white space at the ends. The error is fs.ErrNotExist for one that the kernel does not have.
func Sysctl(key string) (string, error) {
	text, err := os.ReadFile(procSys + key)
	return strings.TrimSpace(string(text)), err
}

// SetSysctl writes a sysctl. It needs the right to (CAP_NET_ADMIN for those of networking).
func SetSysctl(key, value string) error { return os.WriteFile(procSys+key, []byte(value), 0) }

// IsOn tells whether a sysctl is 1. One that cannot be read is not.
func IsOn(key string) bool {
	value, err := Sysctl(key)
	return err == nil && value == "1"
}

// SysctlName is the name of a sysctl as sysctl(8) has it: with dots.
func SysctlName(key string) string { return strings.ReplaceAll(key, "/", ".") }

// sysctls reads those that some patterns match.
func sysctls(h *lint.Host, patterns []string) error {
	values := make(map[string]string)
	var denied error
	for _, pattern := range patterns {
		paths, err := filepath.Glob(procSys + pattern)
		if err != nil {
			return fmt.Errorf("look for sysctls: %w", err)
		}
		for _, path := range paths {
			key := strings.TrimPrefix(path, procSys)
			value, err := Sysctl(key)
			switch {
			case errors.Is(err, fs.ErrNotExist): // an interface that went away
			case err != nil:
				denied = err
			default:
				values[key] = value
			}
		}
	}
	if len(values) == 0 && denied == nil {
		_, denied = os.Stat(procSys + "net") // is /proc mounted?
	}
	if len(values) == 0 && denied != nil {
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
