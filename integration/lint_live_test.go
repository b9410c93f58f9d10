package integration

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// faultless is a policy that lint has nothing to say about, on a gateway that is prepared
// by wellKept.
const faultless = `
version: 1
gateway: {uplinks: [wan0, wan1], forwarding: false}
laddrs:
  office: {addresses: 20.0.2.1-20.0.2.2, ports: 1024-65535}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: office, exclude: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]}
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`

const wellKept = `
ip route add blackhole 20.0.2.0/28
nft add table ip empty
nft 'add chain ip empty post { type nat hook postrouting priority 0; }'
cd /proc/sys/net/netfilter
for key in acct timestamp events; do echo 1 > nf_conntrack_$key; done
for key in udp_timeout tcp_timeout_syn_sent tcp_timeout_syn_recv tcp_timeout_fin_wait tcp_timeout_close_wait tcp_timeout_last_ack tcp_timeout_time_wait icmp_timeout icmpv6_timeout; do
	echo 240 > nf_conntrack_$key
done`

// TestLintLive makes one fault after the other on a gateway whose table stands. lint --live
// names it and nothing else, and is silent when it is repaired.
//
// Two things are not real. A test cannot change the units of the machine, so H02 sees
// a directory of its own in place of /etc/systemd/system; and the size of the flow table belongs
// to the machine, so C01 sees another number in its sysctl, and real flows. That a kernel lacks
// something (H03) the test of package host shows.
func TestLintLive(t *testing.T) {
	t.Parallel()
	w := nstest.New(t, nstest.Options{})
	apply(t, w.Gateway, strings.Replace(faultless, ", forwarding: false", "", 1))
	output(t, w.Gateway, "sh", "-ec", wellKept)
	must(t, w.Office.Ping(context.Background(), "", "10.1.0.1")) // a flow, for C01
	if got := liveCodes(t, w.Gateway, faultless, ""); len(got) > 0 {
		t.Fatalf("a gateway without a fault gives %v", got)
	}
	second := strings.Replace(faultless, "wan1]", "wan1, wan2]", 1)
	branch := strings.Replace(faultless, "10.1.0.0/16", "10.3.0.0/16", 1)
	for _, c := range []struct {
		name, code, policy, fault, repair string
		around                            string // what lint is run by while the fault lasts
	}{
		{name: "an interface missing", code: "Z11", policy: second, repair: "ip link add wan2 type veth peer name away"},
		{name: "no route", code: "Z12", policy: branch, repair: "ip route add 10.3.0.0/16 via 10.1.5.9"},
		{name: "a laddr nowhere", code: "P03", fault: "ip route del blackhole 20.0.2.0/28", repair: "ip route add blackhole 20.0.2.0/28"},
		{name: "a neighbour of real servers", code: "S23", fault: "ip neigh replace 192.168.1.9 lladdr 02:00:00:00:00:09 dev dc0 nud permanent", repair: "ip neigh del 192.168.1.9 dev dc0"},
		{name: "the host's own ports", code: "P09", fault: "ip addr add 20.0.2.1/32 dev lo", repair: "echo 32768-60999 > /proc/sys/net/ipv4/ip_local_reserved_ports"},
		{name: "docker's chain", code: "H01", fault: "nft 'table ip nat { chain PREROUTING { type nat hook prerouting priority dstnat; fib daddr type local counter; }; }'",
			repair: "nft delete table ip nat"},
		{name: "a chain before all", code: "H01", fault: "nft 'table inet first { chain pre { type nat hook prerouting priority -150; tcp dport 80 redirect to :3128; }; }'",
			repair: "nft delete table inet first"},
		{name: "Docker's forward chain", code: "H06", fault: "nft 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }'",
			repair: "nft chain ip filter FORWARD '{ policy accept; }'"},
		{name: "a last rule that rejects", code: "H06", fault: "nft 'table inet fw { chain in { }; chain f { type filter hook forward priority 10; ct state established,related accept; jump in; counter reject with icmpx admin-prohibited; }; }'",
			repair: "nft insert rule inet fw f accept"},
		{name: "another policy", code: "H08", fault: "nft 'table inet edge { comment \"made by snatctl\"; map services4 { type ipv4_addr . inet_proto . inet_service : verdict; counter; elements = { 20.0.1.1 . tcp . 80 comment \"shop\" : accept }; }; chain services { type nat hook prerouting priority 0; }; }'",
			repair: "nft delete table inet edge"},
		{name: "a unit that flushes", code: "H02", around: `mount -t tmpfs none /etc/systemd/system
mkdir /etc/systemd/system/sysinit.target.wants
ln -s /lib/systemd/system/nftables.service /etc/systemd/system/sysinit.target.wants/`},
		{name: "forwarding off", code: "H04", fault: "echo 0 > /proc/sys/net/ipv4/ip_forward", repair: "echo 1 > /proc/sys/net/ipv4/ip_forward"},
		{name: "a strict uplink", code: "H05", fault: "echo 1 > /proc/sys/net/ipv4/conf/wan1/rp_filter", repair: "echo 2 > /proc/sys/net/ipv4/conf/wan1/rp_filter"},
		{name: "a full table", code: "C01", around: `echo 1 > max; mount --bind max /proc/sys/net/netfilter/nf_conntrack_max`},
		{name: "a short timeout", code: "C02", fault: "echo 30 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout", repair: "echo 120 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout"},
		{name: "a timeout that does not count", code: "R05", policy: strings.Replace(faultless, "gateway: {", "gateway: {timeouts: {udp: 120s}, ", 1),
			fault: "echo 600 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream", repair: "echo 120 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream"},
		{name: "no accounting", code: "C03", fault: "echo 0 > /proc/sys/net/netfilter/nf_conntrack_acct", repair: "echo 1 > /proc/sys/net/netfilter/nf_conntrack_acct"},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy := faultless
			if c.policy != "" {
				policy = c.policy
			}
			output(t, w.Gateway, "sh", "-ec", c.fault)
			if got := liveCodes(t, w.Gateway, policy, c.around); !slices.Equal(got, []string{c.code}) {
				t.Errorf("lint --live finds %v, want %s", got, c.code)
			}
			output(t, w.Gateway, "sh", "-ec", c.repair)
			if got := liveCodes(t, w.Gateway, policy, ""); len(got) > 0 {
				t.Errorf("after the repair lint --live finds %v", got)
			}
		})
	}
	t.Run("a listener on the VIP", func(t *testing.T) {
		output(t, w.Gateway, "ip", "addr", "add", "20.0.1.1/32", "dev", "lo")
		var l net.Listener
		must(t, w.Gateway.Do(func() (err error) { l, err = net.Listen("tcp", ":80"); return err }))
		defer l.Close()
		if got := liveCodes(t, w.Gateway, faultless, ""); !slices.Equal(got, []string{"S03"}) {
			t.Errorf("lint --live finds %v, want S03", got)
		}
		must(t, l.Close()) // a program that another test starts may hold it for a moment, until it is executed
		eventually(t, "lint --live to find nothing without the listener", func() bool { return len(liveCodes(t, w.Gateway, faultless, "")) == 0 })
	})
	t.Run("the certificates of a check", func(t *testing.T) {
		ca := filepath.Join(t.TempDir(), "ca.pem")
		verified := strings.Replace(faultless, "192.168.1.2]", "192.168.1.2], health_check: {type: https, port: 443, host: localhost, ca: "+ca+"}", 1)
		if got := liveCodes(t, w.Gateway, verified, ""); !slices.Equal(got, []string{"A10"}) {
			t.Errorf("lint --live finds %v, want A10", got)
		}
		s := httptest.NewTLSServer(nil)
		defer s.Close()
		must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o644))
		if got := liveCodes(t, w.Gateway, verified, ""); len(got) > 0 {
			t.Errorf("with certificates lint --live finds %v", got)
		}
	})
	t.Run("iptables' own table", func(t *testing.T) {
		if r := run(t, w.Gateway, "sh", "-c", "iptables-legacy -t nat -A POSTROUTING -j MASQUERADE"); r.Code != 0 {
			t.Skipf("no iptables-legacy, or no module for it: %s", r.Stderr)
		}
		if got := liveCodes(t, w.Gateway, faultless, ""); !slices.Equal(got, []string{"H01"}) {
			t.Errorf("lint --live finds %v, want H01", got)
		}
		output(t, w.Gateway, "iptables-legacy", "-t", "nat", "-F")
		if got := liveCodes(t, w.Gateway, faultless, ""); len(got) > 0 {
			t.Errorf("with an empty table lint --live finds %v", got)
		}
	})
	both := policyFile(t, "version: 1\nzones:\n  - {name: office, from: [10.1.0.0/16, \"fd01::/64\"], action: accept}\n")
	// What iptables refuses at forward, in its own tables and in those of nftables.
	for _, program := range []string{"iptables-legacy", "ip6tables-legacy", "iptables-nft"} {
		t.Run(program+" at forward", func(t *testing.T) {
			says := func(what, want string, rules ...string) {
				t.Helper()
				for _, rule := range rules {
					output(t, w.Gateway, "sh", "-c", program+" -w "+rule)
				}
				r := ctl(t, w.Gateway, "lint", "--live", "--format", "json", "-f", both)
				found := strings.Contains(r.Stdout, `"H06"`)
				if want == "" && found || want != "" && (!found || !strings.Contains(r.Stdout, want)) {
					t.Errorf("%s: lint says %s\nwant %q", what, r.Stdout, want)
				}
			}
			if r := run(t, w.Gateway, "sh", "-c", program+" -w -P FORWARD DROP"); r.Code != 0 {
				t.Skipf("no %s, or no module for it: %s", program, r.Stderr)
			}
			const none, one = "no new connection is forwarded", "only what one of 1 rules before lets pass"
			says("a policy", none)
			if r := ctl(t, w.Gateway, "status", "--check"); program != "ip6tables-legacy" && (r.Code != 2 || !strings.Contains(r.Stdout, "drops every new connection that is forwarded")) {
				t.Errorf("status --check exits %d and prints\n%s%s", r.Code, r.Stdout, r.Stderr)
			}
			says("answers alone", none, "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT", "-A FORWARD -m state --state ESTABLISHED -j ACCEPT")
			says("a chain of the operator's that lets pass", one, "-N MINE", "-A MINE -i lan0 -j ACCEPT", "-A FORWARD -j MINE")
			says("not that chain", none, "-F MINE", "-A MINE -j RETURN")
			says("what is new", one, "-A FORWARD -m conntrack --ctstate NEW -j ACCEPT")
			says("a policy that accepts", "", "-P FORWARD ACCEPT")
			says("a last rule that rejects", one, "-A FORWARD -j REJECT")
			says("nothing", "", "-F", "-X")
			output(t, w.Gateway, "sh", "-c", program+" -w -P FORWARD ACCEPT")
		})
	}
}

// liveCodes returns the codes that lint --live finds on a gateway, each once. Around is a script
// that runs before, in a mount namespace of its own and an empty directory.
func liveCodes(t *testing.T, gateway *nstest.Host, policy, around string) []string {
	t.Helper()
	command := []string{program(t), "lint", "--live", "--format", "json", policyFile(t, policy)}
	if around != "" {
		script := "cd " + t.TempDir() + "\n" + around + "\nexec \"$@\""
		command = append([]string{"unshare", "--mount", "sh", "-ec", script, "lint"}, command...)
	}
	r := run(t, gateway, command[0], command[1:]...)
	var list []struct{ Code, Severity, Message string }
	if err := json.Unmarshal([]byte(r.Stdout), &list); err != nil || strings.Contains(r.Stderr, "not checked") {
		t.Fatalf("lint --live exits %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	var codes []string
	failed := 0
	for _, f := range list {
		t.Log(f.Code, f.Message)
		codes = append(codes, f.Code)
		if f.Severity == "error" {
			failed = 1
		}
	}
	if r.Code != failed {
		t.Errorf("lint --live exits %d, want %d", r.Code, failed)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// TestLintLiveUnprivileged holds that a user without rights is told what was not checked, and
// gets all the rest.
func TestLintLiveUnprivileged(t *testing.T) {
	t.Parallel()
	user := ordinaryUser(t)
	if user == nil {
		t.Skip("needs root, to become another user")
	}
	h := nstest.NewHost(t, "gateway")
	c := newCheckout(t)
	path := filepath.Join(c.dir, "live.yaml")
	must(t, os.WriteFile(path, []byte(faultless), 0o644))
	r := run(t, h, user[0], append(slices.Clone(user[1:]), filepath.Join(c.bin, "snatctl"), "lint", "--live", path)...)
	for _, part := range []string{"warning: H01, H06 not checked: ", "warning: H03 not checked: ", "CAP_NET_ADMIN"} {
		if !strings.Contains(r.Stderr, part) {
			t.Errorf("standard error has no %q:\n%s", part, r.Stderr)
		}
	}
	for _, code := range []string{"[Z11]", "[Z12]", "[P03]", "[H04]"} {
		if !strings.Contains(r.Stdout, code) {
			t.Errorf("nothing is found of %s:\n%s", code, r.Stdout)
		}
	}
	if r.Code != 1 {
		t.Errorf("the exit status is %d, want 1: forwarding is off", r.Code)
	}
}
