package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/policy/lint"
)

// iptables is one of the two programs whose own tables nft does not show.
type iptables struct {
	family, names string
	domain, level int
	shape         shape
}

var programs = []iptables{
	{"ip", "/proc/thread-self/net/ip_tables_names", unix.AF_INET, unix.IPPROTO_IP, shape4},
	{"ip6", "/proc/thread-self/net/ip6_tables_names", unix.AF_INET6, unix.IPPROTO_IPV6, shape6},
}

// legacyHooks are the chains of iptables' own tables that matter: those that translate, and
// those that may refuse what is forwarded, with their priorities (enum nf_ip_hook_priorities).
var legacyHooks = []struct {
	table, typ string
	number     int
	chain      string
	priority   int
}{
	{"nat", "nat", unix.NF_INET_PRE_ROUTING, "PREROUTING", -100},
	{"nat", "nat", unix.NF_INET_LOCAL_OUT, "OUTPUT", -100},
	{"nat", "nat", unix.NF_INET_POST_ROUTING, "POSTROUTING", 100},
	{"mangle", "filter", unix.NF_INET_FORWARD, "FORWARD", -150},
	{"filter", "filter", unix.NF_INET_FORWARD, "FORWARD", 0},
	{"security", "filter", unix.NF_INET_FORWARD, "FORWARD", 50},
}

// Legacy lists the chains of iptables' own tables that translate or may refuse what is forwarded.
// A kernel without ip_tables has none.
func Legacy() (out []lint.BaseChain, err error) {
	for _, p := range programs {
		list, err := os.ReadFile(p.names)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no such module, so no such table
		}
		if err != nil {
			return nil, fmt.Errorf("list the tables of iptables: %w", err)
		}
		there := strings.Fields(string(list)) // asking for another would make it
		tables := make(map[string]*legacyTable)
		for _, h := range legacyHooks {
			if !slices.Contains(there, h.table) {
				continue
			}
			t := tables[h.table]
			if t == nil {
				if t, err = p.read(h.table); err != nil {
					return nil, fmt.Errorf("look at table %s of iptables: %w", h.table, err)
				}
				tables[h.table] = t
			}
			c := lint.BaseChain{Family: p.family, Table: h.table, Name: h.chain, Type: h.typ, Hook: strings.ToLower(h.chain),
				Priority: h.priority, Empty: t.first[h.number] == t.policy[h.number], Legacy: true}
			if h.typ == "filter" {
				c.Drops, c.Passes = t.fate(int(t.first[h.number]))
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// legacyTable says where chains begin, and where their policies are: in an empty chain that
// is the same place. Both are places in rules.
type legacyTable struct {
	first, policy [unix.NF_INET_NUMHOOKS]uint32
	rules         []byte
	shape         shape
	known         map[int]legacyFate // of chains, by where they begin
}

const tableName = 32 // XT_TABLE_MAXNAMELEN

// read asks for struct ipt_getinfo, and then for ipt_get_entries; those of IPv6 are laid out alike
// (include/uapi/linux/netfilter_ipv4/ip_tables.h).
func (p iptables) read(name string) (*legacyTable, error) {
	const (
		getInfo    = 64                              // IPT_SO_GET_INFO
		getEntries = 65                              // IPT_SO_GET_ENTRIES
		words      = 1 + 2*unix.NF_INET_NUMHOOKS + 2 // valid hooks, entries, underflows, number of entries, size
		head       = tableName + 8                   // the size, and what aligns the entries
	)
	fd, err := unix.Socket(p.domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	t := &legacyTable{shape: p.shape, known: make(map[int]legacyFate)}
	for range attempts {
		info := make([]byte, tableName+4*words)
		copy(info[:tableName-1], name)
		if err := getsockopt(fd, p.level, getInfo, info); err != nil {
			return nil, err
		}
		word := func(i int) uint32 { return binary.NativeEndian.Uint32(info[tableName+4*i:]) }
		for i := range t.first {
			t.first[i], t.policy[i] = word(1+i), word(1+unix.NF_INET_NUMHOOKS+i)
		}
		size := word(words - 1)
		entries := make([]byte, head+int(size))
		copy(entries[:tableName-1], name)
		binary.NativeEndian.PutUint32(entries[tableName:], size)
		if err = getsockopt(fd, p.level, getEntries, entries); err == nil {
			t.rules = entries[head:]
			return t, nil
		}
		if !errors.Is(err, unix.EAGAIN) { // somebody has replaced the table meanwhile
			break
		}
	}
	return nil, err
}

func getsockopt(fd, level, option int, b []byte) error {
	size := uint32(len(b))
	if _, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&size)), 0); e != 0 {
		return e
	}
	return nil
}
