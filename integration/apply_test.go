package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/soak"
)

// small is a policy with a bit of everything.
const small = `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  apart: [198.51.100.1, 198.51.100.9]
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: [198.51.100.16/30, "2001:db8:99::10/126"]}
  - {name: guests, from: 10.2.0.0/16, laddrs: apart}
  - {name: lab, from: 10.66.0.0/16, action: drop}
services:
  - {name: web, vip: [203.0.113.10, "2001:db8::10"], ports: [tcp/80, tcp/443], mode: nat, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1"]}
  - {name: dns, vip: 203.0.113.10, ports: udp/53, mode: fullnat, laddrs: [192.168.2.9], real_servers: ["192.168.1.3:5353"]}
`

// changed is small with something changed in every section.
var changed = strings.NewReplacer("198.51.100.9", "198.51.100.11", "10.66.0.0/16", "10.67.0.0/16", "tcp/443", "tcp/8443", "192.168.1.2,", "192.168.1.3,").Replace(small)

func TestApplyTwice(t *testing.T) {
	h := startGateway(t, "")
	wantDiff(t, h, small, 1)
	apply(t, h, small)
	wantDiff(t, h, small, 0)
	gen, before := generation(t, h), output(t, h, "nft", "-a", "list", "ruleset")
	start := list(t, h)
	apply(t, h, small)
	wantDiff(t, h, small, 0)
	if now := generation(t, h); now != gen {
		t.Errorf("an unchanged policy moved the ruleset from generation %d to %d", gen, now)
	}
	if after := output(t, h, "nft", "-a", "list", "ruleset"); after != before {
		t.Errorf("an unchanged policy changed the ruleset from\n%s\nto\n%s", before, after)
	}
	apply(t, h, changed)
	wantDiff(t, h, changed, 0)
	wantDiff(t, h, small, 1)
	if generation(t, h) == gen {
		t.Error("a changed policy sent nothing")
	}
	apply(t, h, small)
	if after := list(t, h); after != start {
		t.Errorf("there and back again leaves\n%s\nwant\n%s", after, start)
	}
}

func TestDryRun(t *testing.T) {
	h := startGateway(t, "")
	if r := snatctl(t, h, small, "apply", "--dry-run"); r.Code != 1 {
		t.Errorf("dry run on an empty kernel exits %d, want 1: %s", r.Code, r.Stderr)
	}
	if after := list(t, h); after != "" {
		t.Errorf("dry run made\n%s", after)
	}
	if v, err := h.ReadSysctl("net/ipv4/ip_forward"); err != nil || v != "0" {
		t.Errorf("dry run set ip_forward to %s, %v", v, err)
	}
	apply(t, h, small)
	dry, diff := snatctl(t, h, changed, "apply", "--dry-run"), snatctl(t, h, changed, "diff")
	if dry.Code != 1 || dry.Stdout != diff.Stdout {
		t.Errorf("dry run exits %d and prints\n%s\nwant 1 and what diff prints:\n%s", dry.Code, dry.Stdout, diff.Stdout)
	}
	if r := snatctl(t, h, small, "apply", "--dry-run"); r.Code != 0 {
		t.Errorf("dry run of what the kernel holds exits %d, want 0: %s", r.Code, r.Stdout)
	}
	wantDiff(t, h, small, 0)
}

// Turns and counters go on through changes that do not concern them.
func TestStateSurvivesChanges(t *testing.T) {
	policy := func(more string) string {
		return `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: [198.51.100.1, 198.51.100.3]}
` + more + `
services:
  - {name: a, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
  - {name: b, vip: 203.0.113.2, ports: tcp/80, mode: fullnat, laddrs: 192.168.2.9, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3]}
`
	}
	s := startSite(t, policy(""))
	var a, b []string
	for i := range 12 {
		apply(t, s.Gateway, policy(fmt.Sprintf("  - {name: z%d, from: 10.9.%d.0/24, laddrs: 198.51.100.%d}", i, i, 20+i)))
		a = append(a, call(t, s.Office, "tcp 203.0.113.1:80").Host)
		b = append(b, call(t, s.Office, "tcp 203.0.113.2:80").Host)
	}
	turns(t, "nat", 3, a)
	turns(t, "fullnat", 3, b)
	before := counters(t, s.Gateway)
	apply(t, s.Gateway, policy(""))
	after := counters(t, s.Gateway)
	t.Logf("counters: %v", before)
	for object, n := range before {
		if after[object] < n && !strings.Contains(object, "10.9.11") {
			t.Errorf("the counter of %q fell from %d to %d", object, n, after[object])
		}
	}
}

var counter = regexp.MustCompile(`(.*?)counter packets (\d+) bytes \d+`)

// counters returns all counters in the table that have counted, by the text before them.
func counters(t *testing.T, h *nstest.Host) map[string]int {
	t.Helper()
	found := map[string]int{}
	for line := range strings.Lines(output(t, h, "nft", "list", "table", "inet", "snatctl")) {
		for _, part := range strings.Split(line, ", ") {
			if m := counter.FindStringSubmatch(part); m != nil {
				var n int
				fmt.Sscan(m[2], &n)
				if n > 0 {
					found[strings.TrimSpace(m[1])] += n
				}
			}
		}
	}
	return found
}

func TestApplyInvalid(t *testing.T) {
	h := startGateway(t, small)
	gen, before := generation(t, h), list(t, h)
	for _, c := range []struct {
		name, policy string
		places       []string // of the findings, all in one run
	}{
		{"not YAML", "version: 1\nzones: [", []string{":"}},
		{"unknown key", "version: 1\nzonse: []\n", []string{":2:1: error:"}},
		{"two errors", `
version: 1
zones:
  - {name: office, from: 10.0.0.5/24, laddrs: 198.51.100.1}
  - {name: office, from: 10.1.0.0/16, laddrs: nowhere}
`, []string{":3:", ":4:"}},
		{"host name", "version: 1\nservices:\n  - {name: web, vip: example.org, ports: tcp/80, mode: nat, real_servers: 192.168.1.1}\n", []string{":3:"}},
		{"empty", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := snatctl(t, h, c.policy, "apply")
			if r.Code != 1 {
				t.Errorf("exits %d, want 1", r.Code)
			}
			for _, place := range c.places {
				if !strings.Contains(r.Stderr, "policy.yaml"+place) {
					t.Errorf("no finding at policy.yaml%s in:\n%s", place, r.Stderr)
				}
			}
			if d := snatctl(t, h, c.policy, "diff"); d.Code != 2 {
				t.Errorf("diff exits %d, want 2", d.Code)
			}
			if d := snatctl(t, h, c.policy, "compile"); d.Code != 1 || d.Stdout != "" {
				t.Errorf("compile exits %d and prints %q, want 1 and nothing", d.Code, d.Stdout)
			}
		})
	}
	if after := list(t, h); after != before || generation(t, h) != gen {
		t.Errorf("invalid policies changed the ruleset from\n%s\nto\n%s", before, after)
	}
}

func TestUsage(t *testing.T) {
	h := startGateway(t, "")
	for _, args := range [][]string{{"apply"}, {"apply", "--no-such-flag"}, {"apply", "-f", "/nonexistent/policy.yaml"}, {"no-such-command"}} {
		if r := ctl(t, h, args...); r.Code == 0 || r.Stderr == "" || r.Stdout != "" {
			t.Errorf("snatctl %v exits %d with output %q and errors %q", args, r.Code, r.Stdout, r.Stderr)
		}
	}
	if r := ctl(t, h, "apply", "--no-such-flag"); r.Code != 2 {
		t.Errorf("an unknown flag exits %d, want 2", r.Code)
	}
}

func TestTimings(t *testing.T) {
	h := startGateway(t, "")
	for _, command := range []string{"apply", "diff"} {
		r := snatctl(t, h, small, command, "--timings")
		lines := strings.Split(strings.TrimSpace(r.Stderr), "\n")
		var got map[string]float64
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil || r.Code != 0 {
			t.Errorf("%s --timings exits %d and ends with %q: %v", command, r.Code, lines[len(lines)-1], err)
		}
		for _, key := range []string{"load_s", "compile_s", "read_s", "diff_s", "commit_s", "cleanup_s"} {
			if _, ok := got[key]; !ok {
				t.Errorf("%s --timings lacks %s: %v", command, key, got)
			}
		}
		sum := 0.0
		for key, seconds := range got {
			if sum += seconds; key == "total_s" {
				sum -= seconds
			}
			if seconds < 0 {
				t.Errorf("%s --timings: %s is %v", command, key, seconds)
			}
		}
		if total := got["total_s"]; total == 0 || math.Abs(sum-total) > 1e-6 {
			t.Errorf("%s --timings adds up to %v: %v", command, sum, got)
		}
	}
}

// Of two applies that start together each applies or says that the other is running, and
// the kernel ends with one policy, whole.
func TestTwoAppliesAtOnce(t *testing.T) {
	h := startGateway(t, "")
	many := func(net int) string {
		var b strings.Builder
		b.WriteString("version: 1\nservices:\n")
		for i := range 500 {
			fmt.Fprintf(&b, "  - {name: s%d, vip: 203.0.%d.%d, ports: tcp/80, mode: nat, real_servers: [192.168.%d.1, 192.168.%d.2]}\n", i, i/250, i%250+1, net, net)
		}
		return b.String()
	}
	policies := [2]string{many(1), many(2)}
	files := [2]string{policyFile(t, policies[0]), policyFile(t, policies[1])}
	for range 8 {
		var results [2]nstest.Result
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				r, err := h.Run(context.Background(), program(t), "apply", "-f", files[i])
				if err != nil {
					t.Error(err)
				}
				results[i] = r
			})
		}
		wg.Wait()
		applied := 0
		for _, r := range results {
			switch r.Code {
			case 0:
				applied++
			case 6:
			default:
				t.Errorf("exits %d, want 0 or 6: %s", r.Code, r.Stderr)
			}
		}
		if applied == 0 {
			t.Error("neither of two applies applied")
		}
		same := 0
		for i := range 2 {
			if ctl(t, h, "diff", "-f", files[i]).Code == 0 {
				same++
			}
		}
		if same != 1 {
			t.Fatalf("the kernel holds %d of the two policies, want one", same)
		}
	}
}

// What the kernel refuses changes nothing.
func TestKernelRefuses(t *testing.T) {
	h := startGateway(t, small)
	before := list(t, h)
	t.Run("without CAP_NET_ADMIN", func(t *testing.T) {
		for _, policy := range []string{changed, small} {
			r := run(t, h, "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", program(t), "apply", "-f", policyFile(t, policy))
			if want := 1; policy == changed && (r.Code != want || r.Stderr == "") {
				t.Errorf("exits %d, want %d: %s", r.Code, want, r.Stderr)
			}
			if after := list(t, h); after != before {
				t.Errorf("changed the ruleset from\n%s\nto\n%s", before, after)
			}
		}
	})
	t.Run("a table that another process owns", func(t *testing.T) {
		h := nstest.NewHost(t, "gateway")
		release := ownTable(t, h)
		before := list(t, h)
		if r := snatctl(t, h, small, "apply"); r.Code != 1 || r.Stderr == "" {
			t.Errorf("exits %d, want 1: %s", r.Code, r.Stderr)
		}
		if after := list(t, h); after != before {
			t.Errorf("changed the ruleset from\n%s\nto\n%s", before, after)
		}
		release() // the table goes with its owner
		apply(t, h, small)
		wantDiff(t, h, small, 0)
	})
	// A chain of the same name on another hook: apply must replace it or refuse, whole.
	t.Run("foreign base chains", func(t *testing.T) {
		h := nstest.NewHost(t, "gateway")
		var obstacle strings.Builder
		obstacle.WriteString("table inet snatctl {\n")
		for _, m := range regexp.MustCompile(`chain (\S+) \{`).FindAllStringSubmatch(before, -1) {
			fmt.Fprintf(&obstacle, "chain %s { type filter hook input priority 77; }\n", m[1])
		}
		obstacle.WriteString("}\n")
		nft(t, h, obstacle.String())
		blocked := list(t, h)
		r := snatctl(t, h, small, "apply")
		switch after := list(t, h); {
		case r.Code == 0 && after == before:
		case r.Code == 1 && r.Stderr != "" && after == blocked:
		default:
			t.Errorf("exits %d (%s) and leaves\n%s\nwant 0 and the policy, or 1 and no change", r.Code, r.Stderr, after)
		}
	})
}

// Without the right to look, diff says so: that is neither "none" nor "differences".
func TestDiffNeedsPrivilege(t *testing.T) {
	h := startGateway(t, small)
	r := run(t, h, "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", program(t), "diff", "-f", policyFile(t, small))
	if r.Code != 2 || r.Stderr == "" {
		t.Errorf("diff without CAP_NET_ADMIN exits %d, want 2: %s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// Other programs may change their own tables all the time; apply still gets through.
func TestForeignWriters(t *testing.T) {
	h := startGateway(t, "")
	nft(t, h, "table inet other { set s { type ipv4_addr; }; }")
	ctx, cancel := context.WithCancel(context.Background())
	var writes int
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			h.Output(ctx, "nft", "add element inet other s { 10.0.0.1 }; delete element inet other s { 10.0.0.1 }")
			writes++
		}
	})
	applied, in, times := 0, "", soak.Count(20, 2000)
	for i := range times {
		policy := []string{small, changed}[i%2]
		switch r := snatctl(t, h, policy, "apply"); r.Code {
		case 0:
			applied++
			in = policy
			wantDiff(t, h, policy, 0)
		case 1: // out of tries: allowed, as long as nothing was changed
			if in != "" {
				wantDiff(t, h, in, 0)
			}
			if !strings.Contains(r.Stderr, "another program keeps changing the ruleset") {
				t.Errorf("apply says %s", r.Stderr)
			}
		default:
			t.Errorf("apply exits %d: %s", r.Code, r.Stderr)
		}
	}
	cancel()
	wg.Wait()
	t.Logf("%d of %d applies got through %d foreign writes", applied, times, writes)
	if applied < times*3/4 {
		t.Errorf("only %d of %d applies got through", applied, times)
	}
}

// apply switches forwarding on for the families that the policy uses, and the accounting
// that reports need; neither where the policy says no.
func TestSysctls(t *testing.T) {
	t.Parallel()
	const v4 = "services:\n  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: 192.168.1.1}\n"
	const v6 = "services:\n  - {name: web, vip: \"2001:db8::1\", ports: tcp/80, mode: nat, real_servers: \"fd05::1\"}\n"
	accounting := []string{"net/netfilter/nf_conntrack_acct", "net/netfilter/nf_conntrack_timestamp", "net/netfilter/nf_conntrack_events"}
	for _, c := range []struct {
		name, policy       string
		want4, want6, acct string
	}{
		{"IPv4", "version: 1\n" + v4, "1", "0", "1"},
		{"IPv6", "version: 1\n" + v6, "0", "1", "1"},
		{"off", "version: 1\ngateway: {forwarding: false, sysctls: false}\n" + v4, "0", "0", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := nstest.NewHost(t, "gateway")
			unset := map[string]string{}
			for _, key := range accounting {
				v, err := h.ReadSysctl(key)
				must(t, err)
				unset[key] = v
			}
			apply(t, h, c.policy)
			for key, want := range map[string]string{"net/ipv4/ip_forward": c.want4, "net/ipv6/conf/all/forwarding": c.want6} {
				if got, err := h.ReadSysctl(key); err != nil || got != want {
					t.Errorf("%s is %s, %v, want %s", key, got, err, want)
				}
			}
			for _, key := range accounting {
				want := c.acct
				if want == "" {
					want = unset[key]
				}
				if got, err := h.ReadSysctl(key); err != nil || got != want {
					t.Errorf("%s is %s, %v, want %s", key, got, err, want)
				}
			}
		})
	}
}
