package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// TestRandomPolicies walks from one made-up policy to the next. Wherever the walk comes
// from, the table must be the one that nft makes of the compiled script on an empty kernel,
// but for the order in which sets, maps and chains were made.
// SNATCTL_SEED repeats a walk.
func TestRandomPolicies(t *testing.T) {
	t.Parallel()
	walker, fresh := nstest.NewHost(t, "walker"), nstest.NewHost(t, "fresh")
	seed := rand.Uint64()
	if s := os.Getenv("SNATCTL_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		must(t, err)
	}
	t.Logf("SNATCTL_SEED=%d", seed)
	r := &maker{rand.New(rand.NewPCG(seed, 0))}
	refused, last := map[string]int{}, ""
	for range 60 {
		policy := r.policy()
		c := snatctl(t, fresh, policy, "compile")
		if c.Code == 1 {
			for line := range strings.Lines(c.Stderr) {
				if i := strings.LastIndex(line, " ["); i >= 0 && strings.Contains(line, "error:") {
					refused[strings.TrimSpace(line[i:])]++
				}
			}
			continue
		}
		output(t, fresh, "nft", "flush", "ruleset")
		nft(t, fresh, c.Stdout)
		apply(t, walker, policy)
		wantDiff(t, walker, policy, 0)
		wantDiff(t, fresh, policy, 0)
		want, got := sortObjects(list(t, fresh)), sortObjects(list(t, walker))
		if got != want {
			t.Fatalf("SNATCTL_SEED=%d: coming from\n%s\napply of\n%s\nmakes\n%s\nnft makes\n%s", seed, last, policy, got, want)
		}
		output(t, fresh, "nft", "flush", "ruleset")
		nft(t, fresh, got)
		if again := sortObjects(list(t, fresh)); again != got {
			t.Fatalf("SNATCTL_SEED=%d: the listing of\n%s\nis\n%s\nand lists differently after loading it:\n%s", seed, policy, got, again)
		}
		last = policy
	}
	t.Logf("refused for %v", refused)
	if last == "" {
		t.Error("every policy was refused")
	}
}

// maker makes up policies. It draws from few names and addresses, so that policies
// overlap and the way from one to the next is a real difference.
type maker struct{ *rand.Rand }

func (r *maker) pick(s ...string) string { return s[r.IntN(len(s))] }
func (r *maker) often(percent int) bool  { return r.IntN(100) < percent }

func (r *maker) policy() string {
	var b strings.Builder
	b.WriteString("version: 1\n")
	if r.often(80) {
		fmt.Fprintf(&b, "gateway: {unmatched: %s%s}\n", r.pick("accept", "drop", "reject"), r.pick("", ", uplinks: wan0", ", uplinks: [wan0, wan1]", ", uplinks: [wan*, eth7]"))
	}
	b.WriteString("laddrs:\n")
	for i := range 4 {
		list := []string{r.laddrs(4, i), r.laddrs(6, i)}
		fmt.Fprintf(&b, "  p%d: {addresses: [%s]%s%s}\n", i, strings.Join(list, ", "), r.pick("", "", ", ports: 1024-65535", ", ports: 2000-2999"), r.pick("", "", "", ", random: true"))
	}
	r.zones(&b)
	r.services(&b)
	return b.String()
}

func (r *maker) selection() string {
	return r.pick("source", "source-destination", "flow", "round-robin", "random")
}

func (r *maker) laddrs(family, pool int) string {
	base := map[int]string{4: "198.51.100.", 6: "2001:db8:99::"}[family]
	at := pool * 50
	switch r.IntN(3) {
	case 0:
		return fmt.Sprintf("\"%s%d\"", base, at+r.IntN(3))
	case 1:
		return fmt.Sprintf("\"%s%d-%s%d\"", base, at, base, at+1+r.IntN(5))
	}
	return fmt.Sprintf("\"%s%d\", \"%s%d\", \"%s%d\"", base, at, base, at+5, base, at+9+r.IntN(2))
}

func (r *maker) zones(b *strings.Builder) {
	n := r.IntN(7)
	if n > 0 {
		b.WriteString("zones:\n")
	}
	for i := range n {
		width := 32 - 2*(i+r.IntN(2)) // ever wider, so that few are shadowed
		net := 10<<24 | uint32(r.IntN(4))<<20
		net &= ^uint32(0) << (32 - width)
		from := fmt.Sprintf("[%d.%d.%d.%d/%d", net>>24, net>>16&255, net>>8&255, net&255, width)
		if r.often(60) {
			from += fmt.Sprintf(", \"fd0%d:%d::/%d\"", r.IntN(3), i, 64-2*i)
			from = strings.Replace(from, fmt.Sprintf(":%d::/%d", i, 64-2*i), fmt.Sprintf(":%d::/64", i), 1)
		}
		fmt.Fprintf(b, "  - {name: z%d, from: %s]%s}\n", i, from, r.pick(", action: accept", ", action: drop", ", action: reject", "", ", action: masquerade",
			", action: masquerade, exclude: [192.168.0.0/16, \"fd00::/8\"]",
			fmt.Sprintf(", laddrs: p%d", r.IntN(4)), fmt.Sprintf(", laddrs: p%d", r.IntN(4)), fmt.Sprintf(", laddrs: p%d", r.IntN(4)),
			fmt.Sprintf(", laddrs: p%d, select: %s", r.IntN(4), r.selection()),
			fmt.Sprintf(", laddrs: p%d, exclude: [192.168.0.0/16, 10.9.9.9, \"fd00::/8\"]", r.IntN(4))))
	}
}

func (r *maker) services(b *strings.Builder) {
	n := r.IntN(8)
	if n > 0 {
		b.WriteString("services:\n")
	}
	for i := range n {
		ports := r.pick("tcp/80", "[tcp/80, udp/80]", "[tcp/80, tcp/443]", "tcp/8000-8099", "[udp/*, tcp/53]", "[sctp/3868, udp/100-200, tcp/*]", "[tcp/80, tcp/81-90]")
		single := !strings.ContainsAny(ports, "-*")
		all := r.often(50) // with ranges, either every real server has a port or none
		var servers []string
		for k := range r.IntN(5) {
			port := 0
			if single && r.often(50) || !single && all {
				port = 8000 + r.IntN(2)
			}
			servers = append(servers, r.server(4, k, port), r.server(6, k, port))
		}
		scheduler := r.pick("", ", scheduler: rr", ", scheduler: random", ", scheduler: wrr", ", scheduler: sh", ", scheduler: dh", ", scheduler: mh", ", scheduler: wlc")
		if !single {
			// nft 1.0.6 swaps the bytes of a slot's number in an interval map where its
			// message is full (64 KiB), of our script and of its own listing alike.
			scheduler = strings.Replace(scheduler, "mh", "sh", 1)
		}
		fmt.Fprintf(b, "  - {name: s%d, vip: [203.0.113.%d, \"2001:db8::%d\"], ports: %s%s, real_servers: [%s]%s%s}\n", i, i, i, ports,
			r.pick(", mode: nat", fmt.Sprintf(", mode: fullnat, laddrs: p%d", r.IntN(4)), fmt.Sprintf(", mode: fullnat, laddrs: p%d, select: %s", r.IntN(4), r.selection())),
			strings.Join(servers, ", "), scheduler, r.pick("", "", ", on_empty: drop", ", on_empty: pass"))
	}
}

func (r *maker) server(family, k, port int) string {
	addr := fmt.Sprintf("192.168.1.%d", k)
	if family == 6 {
		addr = fmt.Sprintf("\"fd05::%d\"", k)
	}
	out := "{address: " + addr
	if port > 0 {
		out += fmt.Sprintf(", port: %d", port)
	}
	return out + r.pick("", "", "", ", weight: 0") + "}"
}
