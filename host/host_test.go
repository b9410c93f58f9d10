package host_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy/lint"
)

// everybody lists all rules that look at a host.
func everybody() []lint.Rule {
	return slices.DeleteFunc(lint.Rules(), func(r lint.Rule) bool { return r.Needs.Facts == 0 && len(r.Needs.Sysctls) == 0 })
}

// read returns all facts of a namespace.
func read(t *testing.T, on *nstest.Host, ask host.Ask) (h lint.Host) {
	t.Helper()
	ask.Rules = everybody()
	must(t, on.Do(func() error {
		facts, unread, err := host.Read(t.Context(), ask)
		for _, u := range unread {
			t.Error(u)
		}
		h = facts
		return err
	}))
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sh(t *testing.T, on *nstest.Host, script string) {
	t.Helper()
	_, err := on.Output(t.Context(), "sh", "-ec", script)
	must(t, err)
}

// TestRead holds that the facts of a namespace are those that were made there.
func TestRead(t *testing.T) {
	t.Parallel()
	ns := nstest.NewHost(t, "host")
	sh(t, ns, `
ip link add wan0 type veth peer name wan1
ip addr add 192.0.2.1/24 dev wan0
ip addr add 2001:db8::1/64 dev wan0 nodad
ip link set wan0 up mtu 1480; ip link set wan1 up
ip route add default via 192.0.2.254
ip route add 10.7.0.0/16 via 192.0.2.253 mtu 1400
ip route add 10.0.0.0/8 nexthop via 192.0.2.253 nexthop dev wan1
ip route add blackhole 198.51.100.0/28
ip route add unreachable 2001:db8:9::/64
ip route add 10.9.0.0/16 dev wan1 table 101
ip route add throw 10.8.0.0/16 table 101
ip route add local 203.0.113.0/24 dev lo
ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev wan0 nud permanent
ip neigh replace 2001:db8::9 lladdr 02:00:00:00:00:09 dev wan0 nud stale
ip neigh replace 192.0.2.8 lladdr 02:00:00:00:00:08 dev wan0 nud noarp
ip neigh add proxy 192.0.2.7 dev wan0
nft add table inet mine
nft 'add chain inet mine pre { type nat hook prerouting priority -100; }'
nft add table ip other
nft 'add chain ip other post { type nat hook postrouting priority 99; }'
nft add rule ip other post accept
echo 2 > /proc/sys/net/ipv4/conf/wan1/rp_filter
echo 100 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout`)
	var l net.Listener
	must(t, ns.Do(func() (err error) { l, err = net.Listen("tcp", "192.0.2.1:8080"); return err }))
	defer l.Close()
	var u net.PacketConn
	must(t, ns.Do(func() (err error) { u, err = net.ListenPacket("udp6", "[2001:db8::1]:53"); return err }))
	defer u.Close()

	h := read(t, ns, host.Ask{Table: "mine", Root: t.TempDir()})

	var names []string
	for _, i := range h.Interfaces {
		if i.Name == "wan0" && (!i.Up || i.MTU != 1480 || !slices.Contains(i.Addrs, netip.MustParsePrefix("192.0.2.1/24")) || !slices.Contains(i.Addrs, netip.MustParsePrefix("2001:db8::1/64"))) {
			t.Errorf("wan0 is %+v", i)
		}
		names = append(names, i.Name)
	}
	if !slices.Contains(names, "lo") || !slices.Contains(names, "wan1") {
		t.Errorf("interfaces are %v", names)
	}
	if want := []netip.Addr{netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")}; !slices.Equal(h.Neighbours, want) {
		t.Errorf("neighbours are %v, want %v", h.Neighbours, want)
	}
	hop := netip.MustParseAddr("192.0.2.253")
	for _, want := range []lint.Route{
		{Dst: netip.MustParsePrefix("0.0.0.0/0"), Interface: "wan0", Gateway: netip.MustParseAddr("192.0.2.254"), Table: 254},
		{Dst: netip.MustParsePrefix("10.0.0.0/8"), Interface: "wan0", Gateway: hop, Table: 254},
		{Dst: netip.MustParsePrefix("10.0.0.0/8"), Interface: "wan1", Table: 254},
		{Dst: netip.MustParsePrefix("10.7.0.0/16"), Interface: "wan0", Gateway: hop, Table: 254, MTU: 1400},
		{Dst: netip.MustParsePrefix("198.51.100.0/28"), Table: 254},
		{Dst: netip.MustParsePrefix("2001:db8:9::/64"), Table: 254},
		{Dst: netip.MustParsePrefix("10.9.0.0/16"), Interface: "wan1", Table: 101},
		{Dst: netip.MustParsePrefix("203.0.113.0/24"), Interface: "lo", Table: 255, Local: true},
		{Dst: netip.MustParsePrefix("192.0.2.1/32"), Interface: "wan0", Table: 255, Local: true},
		{Dst: netip.MustParsePrefix("2001:db8::1/128"), Interface: "wan0", Table: 255, Local: true},
	} {
		if !slices.Contains(h.Routes, want) {
			t.Errorf("no route %+v", want)
		}
	}
	for _, r := range h.Routes {
		if r.Dst.String() == "10.8.0.0/16" || r.Dst.String() == "192.0.2.255/32" {
			t.Errorf("%+v is no route that packets take", r)
		}
	}
	self, _ := os.ReadFile("/proc/self/comm")
	wantListeners := []lint.Listener{
		{Proto: inet.TCP, Addr: netip.MustParseAddr("192.0.2.1"), Port: 8080, Process: strings.TrimSpace(string(self))},
		{Proto: inet.UDP, Addr: netip.MustParseAddr("2001:db8::1"), Port: 53, Process: strings.TrimSpace(string(self))},
	}
	if diff := cmp.Diff(wantListeners, h.Listeners, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("listeners (-want +got):\n%s", diff)
	}
	if want := []lint.BaseChain{{Family: "ip", Table: "other", Name: "post", Type: "nat", Hook: "postrouting", Priority: 99}}; !slices.Equal(h.Chains, want) {
		t.Errorf("chains are %+v, want %+v", h.Chains, want)
	}
	for key, want := range map[string]string{"net/ipv4/conf/wan1/rp_filter": "2", "net/netfilter/nf_conntrack_udp_timeout": "100", "net/ipv4/ip_forward": "0"} {
		if h.Sysctls[key] != want {
			t.Errorf("%s is %q, want %q", key, h.Sysctls[key], want)
		}
	}
	if h.Conntrack.Max == 0 || h.Conntrack.Buckets == 0 || h.Kernel == "" || h.Units == nil || len(h.Units) > 0 || h.Missing != nil {
		t.Errorf("facts are %+v", h)
	}
}

// TestMissing holds that a kernel that lacks something is told from one that refuses
// something for another reason. The ruleset asks for what no kernel has.
func TestMissing(t *testing.T) {
	t.Parallel()
	ns := nstest.NewHost(t, "host")
	want := &nft.Ruleset{Table: "mine", Chains: []*nft.Chain{{Name: "c", Hook: &nft.Hook{Type: "unheard-of", Point: "prerouting"}}}}
	h := read(t, ns, host.Ask{Want: want})
	if len(h.Missing) != 1 || !strings.Contains(h.Missing[0].What, "chains of type unheard-of") || h.Missing[0].Since != "5.10" {
		t.Errorf("missing is %+v", h.Missing)
	}
	must(t, ns.Do(func() error {
		want.Chains[0] = &nft.Chain{Name: strings.Repeat("x", 300)}
		h, unread, err := host.Read(t.Context(), host.Ask{Rules: everybody(), Want: want})
		if len(unread) != 1 || unread[0].Rules != "H03" || h.Missing != nil {
			t.Errorf("a name that is too long gives %v, %+v", unread, h.Missing)
		}
		return err
	}))
}

// TestUnits reads the state of units from the files that systemd keeps.
func TestUnits(t *testing.T) {
	t.Parallel()
	ns := nstest.NewHost(t, "host")
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []lint.Unit
		flush bool
	}{
		{"none", nil, []lint.Unit{}, false},
		{"installed", map[string]string{"usr/lib/systemd/system/nftables.service": ""}, []lint.Unit{{Name: "nftables.service"}}, false},
		{"enabled", map[string]string{"usr/lib/systemd/system/nftables.service": "", "etc/systemd/system/sysinit.target.wants/nftables.service": ""},
			[]lint.Unit{{Name: "nftables.service", Enabled: true}}, false},
		{"active", map[string]string{"lib/systemd/system/firewalld.service": "", "run/systemd/units/invocation:firewalld.service": ""},
			[]lint.Unit{{Name: "firewalld.service", Active: true}}, true},
		{"told not to", map[string]string{"lib/systemd/system/firewalld.service": "", "etc/firewalld/firewalld.conf": "# FlushAllOnReload=yes\nFlushAllOnReload = no\n"},
			[]lint.Unit{{Name: "firewalld.service"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range c.files {
				must(t, os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755))
				must(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
			}
			h := read(t, ns, host.Ask{Root: root})
			if h.Units == nil || !slices.Equal(h.Units, c.want) || h.FirewalldFlushes != c.flush {
				t.Errorf("units are %+v, flushing %v; want %+v, %v", h.Units, h.FirewalldFlushes, c.want, c.flush)
			}
		})
	}
}

// TestOnlyNeeded holds that what no rule needs is not read.
func TestOnlyNeeded(t *testing.T) {
	t.Parallel()
	ns := nstest.NewHost(t, "host")
	h03, _ := lint.Lookup("H03")
	for code, want := range map[string]func(lint.Host) lint.Host{
		"H01": func(h lint.Host) lint.Host { return lint.Host{Chains: h.Chains} },
		"H02": func(h lint.Host) lint.Host { return lint.Host{Units: h.Units} },
		"H03": func(h lint.Host) lint.Host { return lint.Host{Missing: h.Missing} },
		"H05": func(h lint.Host) lint.Host {
			return lint.Host{Interfaces: h.Interfaces, Routes: h.Routes, Sysctls: h.Sysctls}
		},
		"S03": func(h lint.Host) lint.Host { return lint.Host{Interfaces: h.Interfaces, Listeners: h.Listeners} },
		"S23": func(h lint.Host) lint.Host {
			return lint.Host{Interfaces: h.Interfaces, Routes: h.Routes, Neighbours: h.Neighbours}
		},
		"": func(lint.Host) lint.Host { return lint.Host{} },
	} {
		var rules []lint.Rule
		if r, ok := lint.Lookup(code); ok {
			rules = append(rules, r)
		}
		must(t, ns.Do(func() error {
			h, _, err := host.Read(t.Context(), host.Ask{Rules: rules, Root: t.TempDir()})
			h.Kernel = ""
			if diff := cmp.Diff(want(h), h, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("for %q was read (-needed +read):\n%s", code, diff)
			}
			if code != "" && code != "H03" && reflect.DeepEqual(h, lint.Host{}) {
				t.Errorf("for %s nothing was read", code)
			}
			return err
		}))
	}
	// A table that the kernel refuses outright is the only fact asked for: then nothing could be read.
	must(t, ns.Do(func() error {
		want := &nft.Ruleset{Table: "mine", Chains: []*nft.Chain{{Name: strings.Repeat("x", 300)}}}
		if _, unread, err := host.Read(t.Context(), host.Ask{Rules: []lint.Rule{h03}, Want: want}); !errors.Is(err, host.ErrNothing) || len(unread) != 1 {
			t.Errorf("gives %v, %v", unread, err)
		}
		return nil
	}))
}

// TestSingleFacts holds what is asked for one by one against what Go's own library says.
func TestSingleFacts(t *testing.T) {
	t.Parallel()
	ns := nstest.NewHost(t, "host")
	sh(t, ns, `
ip link add wan0 type veth peer name wan1
ip addr add 192.0.2.1/24 dev wan0
ip addr add 192.0.2.3 peer 192.0.2.4/32 dev wan1
ip addr add 2001:db8::1/64 dev wan0 nodad
ip link set wan0 up`)
	must(t, ns.Do(func() error {
		addrs, err := host.Addresses()
		must(t, err)
		all, err := net.InterfaceAddrs()
		must(t, err)
		var want []netip.Addr
		for _, a := range all {
			want = append(want, netip.MustParsePrefix(a.String()).Addr())
		}
		slices.SortFunc(want, netip.Addr.Compare)
		if !slices.Equal(addrs, want) || !slices.Contains(addrs, netip.MustParseAddr("192.0.2.3")) {
			t.Errorf("addresses are %v, want %v", addrs, want)
		}
		devices, err := host.Devices()
		must(t, err)
		if slices.Sort(devices); !slices.Equal(devices, []string{"wan0", "wan1"}) {
			t.Errorf("devices are %v", devices)
		}
		const key = "net/ipv4/conf/wan0/rp_filter"
		must(t, host.SetSysctl(key, "2"))
		if v, err := host.Sysctl(key); v != "2" || err != nil {
			t.Errorf("%s is %q, %v", key, v, err)
		}
		if _, err := host.Sysctl("net/no/such"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a sysctl that is not there: %v", err)
		}
		return nil
	}))
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := host.Read(ctx, host.Ask{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Read says %v", err)
	}
}
