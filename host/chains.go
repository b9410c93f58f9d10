package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy/lint"
)

// chains lists the base chains of all tables but the policy's own, and iptables' NAT chains.
func chains(ctx context.Context, h *lint.Host, own string) error {
	c, err := nftlink.Open()
	if err != nil {
		return err
	}
	defer c.Close()
	all, err := c.BaseChains(ctx)
	if err != nil {
		return err
	}
	legacy, err := legacyNAT()
	if err != nil {
		return err
	}
	h.Chains = []lint.BaseChain{}
	for _, b := range all {
		if b.Family == "inet" && b.Table == own {
			continue
		}
		h.Chains = append(h.Chains, lint.BaseChain{Family: b.Family, Table: b.Table, Name: b.Name, Type: b.Type, Hook: b.Hook, Priority: b.Priority, Empty: b.Rules == 0,
			Drops: b.Fate.Drops, Passes: b.Fate.Passes})
	}
	h.Chains = append(h.Chains, legacy...)
	return nil
}

// missing tries the policy's table on the kernel.
func missing(ctx context.Context, h *lint.Host, want *nft.Ruleset) error {
	if want == nil {
		return nil
	}
	c, err := nftlink.Open()
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.Try(ctx, want)
	var refused *nftlink.RefusedError
	if errors.As(err, &refused) && refused.Lacks != "" {
		h.Missing = []lint.Missing{{What: refused.Lacks, Since: complete}}
		return nil
	}
	return err
}

// complete is the first Linux that has all that policies need.
const complete = "5.10"

// legacyNAT lists the NAT chains of iptables' own tables, which nft does not show.
func legacyNAT() (out []lint.BaseChain, err error) {
	for _, f := range []struct {
		family, names string
		domain, level int
	}{
		{"ip", "/proc/thread-self/net/ip_tables_names", unix.AF_INET, unix.IPPROTO_IP},
		{"ip6", "/proc/thread-self/net/ip6_tables_names", unix.AF_INET6, unix.IPPROTO_IPV6},
	} {
		names, err := os.ReadFile(f.names)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no such module, so no such table
		}
		if err != nil {
			return nil, fmt.Errorf("list the tables of iptables: %w", err)
		}
		if !slices.Contains(strings.Fields(string(names)), "nat") {
			continue
		}
		info, err := tableInfo(f.domain, f.level, "nat")
		if err != nil {
			return nil, fmt.Errorf("look at table nat of iptables: %w", err)
		}
		for _, c := range []struct {
			number   int
			name     string
			priority int
		}{{unix.NF_INET_PRE_ROUTING, "PREROUTING", -100}, {unix.NF_INET_LOCAL_OUT, "OUTPUT", -100}, {unix.NF_INET_POST_ROUTING, "POSTROUTING", 100}} {
			out = append(out, lint.BaseChain{Family: f.family, Table: "nat", Name: c.name, Type: "nat", Hook: strings.ToLower(c.name),
				Priority: c.priority, Empty: info.first[c.number] == info.policy[c.number], Legacy: true})
		}
	}
	return out, nil
}

// legacyTable says where chains begin, and where their policies stand: in an empty chain that
// is the same place.
type legacyTable struct{ first, policy [unix.NF_INET_NUMHOOKS]uint32 }

// tableInfo asks for struct ipt_getinfo, or ip6t_getinfo, which is laid out alike
// (include/uapi/linux/netfilter_ipv4/ip_tables.h).
func tableInfo(domain, level int, name string) (legacyTable, error) {
	const (
		getInfo  = 64 // IPT_SO_GET_INFO
		nameSize = 32
		words    = 1 + 2*unix.NF_INET_NUMHOOKS + 2 // valid hooks, entries, underflows, number of entries, size
	)
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return legacyTable{}, err
	}
	defer unix.Close(fd)
	var info [nameSize + 4*words]byte
	copy(info[:nameSize-1], name)
	size := uint32(len(info))
	if _, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), getInfo,
		uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&size)), 0); e != 0 {
		return legacyTable{}, e
	}
	var t legacyTable
	for i := range t.first {
		t.first[i] = binary.NativeEndian.Uint32(info[nameSize+4*(1+i):])
		t.policy[i] = binary.NativeEndian.Uint32(info[nameSize+4*(1+unix.NF_INET_NUMHOOKS+i):])
	}
	return t, nil
}
