package integration

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/inet"
)

// checkWord as first argument makes the program of the tests check servers: a priority, and for each
// a type, an address and what to expect. It prints what it finds and exits, when it knows all.
const checkWord = "check-servers"

func checkServers(args []string) {
	priority, _ := strconv.ParseUint(args[0], 10, 32)
	var targets []health.Target
	for a := range slices.Chunk(args[1:], 3) {
		k := &health.Check{Type: a[0], Send: "hello", Expect: a[2], Interval: 100 * time.Millisecond, Rise: 10, Fall: 2}
		if a[2] == "" {
			k.Send = ""
		}
		targets = append(targets, health.Target{ID: health.ID{Service: strings.Join(a, " ")}, To: netip.MustParseAddrPort(a[1]), Check: k})
	}
	s := health.New(health.Options{Priority: uint32(priority)})
	s.Set(targets)
	ctx, stop := context.WithTimeout(context.Background(), 60*time.Second)
	defer stop()
	found := 0
	s.Run(ctx, func(batch []health.Verdict) {
		for _, v := range batch {
			fmt.Printf("%s: %s\n", v.ID.Service, strings.TrimSpace(v.State.String()+" "+v.Reason))
		}
		if found += len(batch); found == len(targets) {
			stop()
		}
	})
}

// Health checks reach the real server whose address they bear, though another service has it as VIP.
// Everything else that the gateway sends there belongs to that service.
func TestChecksPassServicesBy(t *testing.T) {
	text, err := os.ReadFile("testdata/checked-vip.yaml")
	must(t, err)
	s := startSite(t, string(text))
	self, err := os.Executable()
	must(t, err)
	checks := []string{
		"tcp", "192.168.1.1:80", "rs1",
		"tcp", "[fd05::1]:80", "rs1",
		"udp", "192.168.1.1:80", "rs1",
		"udp", "[fd05::1]:80", "rs1",
		"tcp", "192.168.1.1:7777", "",
		"tcp", "[fd05::1]:7777", "",
		"tcp", "192.168.1.3:80", "rs3",
	}
	find := func(priority int) []string {
		t.Helper()
		r, err := s.Gateway.Run(t.Context(), self, append([]string{checkWord, strconv.Itoa(priority)}, checks...)...)
		if must(t, err); r.Code != 0 {
			t.Fatalf("exits %d: %s", r.Code, r.Stderr)
		}
		lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
		slices.Sort(lines)
		return lines
	}
	s.check(t, packet{s.Gateway, "tcp 192.168.1.1:80", "rs2 sees 192.168.1.254"})
	if got, want := find(inet.CheckPriority), []string{
		"tcp 192.168.1.1:7777 : down connection refused",
		"tcp 192.168.1.1:80 rs1: up",
		"tcp 192.168.1.3:80 rs3: up",
		"tcp [fd05::1]:7777 : down connection refused",
		"tcp [fd05::1]:80 rs1: up",
		"udp 192.168.1.1:80 rs1: up",
		"udp [fd05::1]:80 rs1: up",
	}; !slices.Equal(got, want) {
		t.Errorf("checks find\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s.check(t, packet{s.Gateway, "udp [fd05::1]:80", "rs2 sees fd05::fe"})
	for _, line := range find(1) {
		if strings.Contains(line, "7777") != strings.Contains(line, ": up") && !strings.Contains(line, "192.168.1.3") {
			t.Errorf("with another priority services come first: %s", line)
		}
	}
}

// Hosts that are gone, and those that a router knows nothing of, are told apart.
func TestChecksOfDeadHosts(t *testing.T) {
	s := startSite(t, "")
	self, err := os.Executable()
	must(t, err)
	_, err = s.Outside.Output(t.Context(), "ip", "route", "add", "unreachable", "2001:db8:89::/64")
	must(t, err)
	// An unreachable route of IPv4 tells some few, and then one a second (net/ipv4/route.c, ip_error): this tells all.
	_, err = s.Outside.Output(t.Context(), "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0")
	must(t, err)
	must(t, s.Gateway.AddRoute("wan0", "8.9.0.0/16", "192.0.2.1"))
	must(t, s.Gateway.AddRoute("wan0", "2001:db8:89::/64", "2001:db8:2::1"))
	_, err = s.Outside.Output(t.Context(), "nft", `table inet gone {
		chain refuse { type filter hook prerouting priority 0; ip daddr 8.9.0.0/16 reject with icmp type host-unreachable; }
		chain silent { type filter hook input priority 0; ip daddr 8.8.8.0/24 drop; ip6 daddr 2001:db8:8::/64 drop; }
	}`)
	must(t, err)
	r, err := s.Gateway.Run(t.Context(), self, checkWord, "1",
		"icmp", "192.168.1.1:0", "", "icmp", "[fd05::1]:0", "",
		"icmp", "8.8.8.8:0", "", "icmp", "[2001:db8:8::8]:0", "", "tcp", "8.8.8.8:80", "", "tcp", "[2001:db8:8::8]:80", "rs",
		"icmp", "8.9.0.1:0", "", "icmp", "[2001:db8:89::1]:0", "", "tcp", "[2001:db8:89::1]:80", "", "udp", "8.9.0.1:80", "", "udp", "[2001:db8:89::1]:80", "")
	must(t, err)
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	slices.Sort(lines)
	if want := []string{
		"icmp 192.168.1.1:0 : up",
		"icmp 8.8.8.8:0 : down no answer in 1s",
		"icmp 8.9.0.1:0 : down host unreachable",
		"icmp [2001:db8:89::1]:0 : down network unreachable",
		"icmp [2001:db8:8::8]:0 : down no answer in 1s",
		"icmp [fd05::1]:0 : up",
		"tcp 8.8.8.8:80 : down no answer in 1s",
		"tcp [2001:db8:89::1]:80 : down network unreachable",
		"tcp [2001:db8:8::8]:80 rs: down no answer in 1s",
		"udp 8.9.0.1:80 : down host unreachable",
		"udp [2001:db8:89::1]:80 : down network unreachable",
	}; !slices.Equal(lines, want) {
		t.Errorf("checks find\n%s\nwant\n%s\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"), r.Stderr)
	}
}
