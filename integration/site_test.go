package integration

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// site is a world whose gateway is run by snatctl and whose servers answer.
type site struct{ *nstest.World }

// serverPorts are the ports on which every real server answers over TCP and UDP.
var serverPorts = []string{":53", ":80", ":443", ":5353", ":8000", ":8001", ":8005", ":8080", ":9999"}

// outsideServers are where Outside answers over TCP and UDP. Port 7 answers over TCP on
// each of its addresses.
var outsideServers = []string{"8.8.8.8:53", "8.8.8.8:80", "9.9.9.9:53", "9.9.9.9:80",
	"[2001:db8:8::8]:53", "[2001:db8:8::8]:80", "[2001:db8:9::9]:53", "[2001:db8:9::9]:80"}

// startSite returns a site with three real servers whose gateway holds a policy, or nothing
// where it is empty. The test runs beside others.
func startSite(t *testing.T, policy string) *site {
	t.Helper()
	t.Parallel()
	s := newSite(t, nstest.Options{})
	if policy != "" {
		s.start(t, policy)
	}
	return s
}

// startGateway returns a gateway to which nothing is connected, for tests of commands, with
// a policy, or nothing where it is empty. The test runs beside others.
func startGateway(t *testing.T, policy string) *nstest.Host {
	t.Helper()
	t.Parallel()
	h := nstest.NewHost(t, "gateway")
	program(t)
	if policy != "" {
		apply(t, h, policy)
	}
	return h
}

// newSite returns a site whose gateway holds nothing, and whose servers answer.
func newSite(t testing.TB, o nstest.Options) *site {
	t.Helper()
	nstest.Require(t)
	program(t)
	s := &site{nstest.New(t, o)}
	for _, rs := range s.RS {
		for _, addr := range serverPorts {
			must(t, rs.ServeTCP(addr))
			must(t, rs.ServeUDP(addr))
		}
	}
	for _, addr := range outsideServers {
		must(t, s.Outside.ServeTCP(addr))
		must(t, s.Outside.ServeUDP(addr))
	}
	must(t, s.Outside.ServeTCP(":7"))
	return s
}

// object matches one object, set, map or chain in a listing.
var object = regexp.MustCompile(`(?ms)^\t(?:set|map|chain|ct timeout|ct helper|synproxy|limit|counter) .*?^\t\}\n\n?`)

// sortObjects orders the objects, sets, maps and chains of a listing, which the kernel keeps in the
// order in which they were made. Rules stay in their order. Sizes are left out.
func sortObjects(listing string) string {
	listing = nstest.Unsized(listing)
	objects := object.FindAllString(listing, -1)
	for i := range objects {
		objects[i] = strings.TrimSpace(objects[i])
	}
	slices.Sort(objects)
	rest := object.ReplaceAllString(listing, "")
	return strings.TrimSuffix(rest, "}\n") + "\t" + strings.Join(objects, "\n\n\t") + "\n}\n"
}

// run runs a command on a host and returns its result.
func run(t testing.TB, h *nstest.Host, name string, args ...string) nstest.Result {
	t.Helper()
	r, err := h.Run(context.Background(), name, args...)
	must(t, err)
	return r
}

// output runs a command on a host that must succeed, and returns what it printed.
func output(t testing.TB, h *nstest.Host, name string, args ...string) string {
	t.Helper()
	out, err := h.Output(context.Background(), name, args...)
	must(t, err)
	return out
}

// nft runs an nft script on a host.
func nft(t testing.TB, h *nstest.Host, script string) {
	t.Helper()
	r, err := h.RunInput(context.Background(), script, "nft", "-f", "-")
	must(t, err)
	if r.Code != 0 {
		t.Fatalf("nft -f refuses:\n%s\n%s", script, r.Stderr)
	}
}

// list returns the whole ruleset of a host without counters and other state. The kernel
// lists a hash's elements in no order, so they are sorted here.
func list(t testing.TB, h *nstest.Host) string {
	t.Helper()
	return sortElements(output(t, h, "nft", "-s", "list", "ruleset"))
}

// elements matches the elements of one set or map in a listing. No text of ours has a brace.
var elements = regexp.MustCompile(`(?s)elements = \{ (.*?) \}`)

// sortElements orders the elements of every set and map, one a line.
func sortElements(listing string) string {
	return elements.ReplaceAllStringFunc(listing, func(m string) string {
		var all []string
		quoted := false
		for _, e := range strings.FieldsFunc(elements.FindStringSubmatch(m)[1], func(r rune) bool {
			quoted = quoted != (r == '"')
			return r == ',' && !quoted
		}) {
			all = append(all, strings.TrimSpace(e))
		}
		slices.Sort(all)
		return "elements = {\n\t\t\t" + strings.Join(all, ",\n\t\t\t") + " }"
	})
}

// policyFile writes a policy and returns its path. The leading newline that a raw string
// brings is cut, so line 1 is the first line that one reads.
func policyFile(t testing.TB, policy string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	must(t, os.WriteFile(path, []byte(strings.TrimPrefix(policy, "\n")), 0o644))
	return path
}

// ctl runs a command of the binary on a host.
func ctl(t testing.TB, h *nstest.Host, args ...string) nstest.Result {
	t.Helper()
	return run(t, h, program(t), args...)
}

// prints runs a command of the binary that must succeed, and returns what it printed.
func prints(t testing.TB, h *nstest.Host, args ...string) string {
	t.Helper()
	return output(t, h, program(t), args...)
}

// snatctl runs a command of the binary on a host with a policy.
func snatctl(t testing.TB, h *nstest.Host, policy, command string, args ...string) nstest.Result {
	t.Helper()
	return ctl(t, h, append([]string{command, "-f", policyFile(t, policy)}, args...)...)
}

// apply applies a policy on a host; it must succeed.
func apply(t testing.TB, h *nstest.Host, policy string, args ...string) {
	t.Helper()
	if r := snatctl(t, h, policy, "apply", args...); r.Code != 0 {
		t.Fatalf("apply exits %d\n%s%s\npolicy:%s", r.Code, r.Stdout, r.Stderr, policy)
	}
}

// wantDiff checks the exit status of diff: 0 if the kernel holds the policy, 1 if not.
func wantDiff(t testing.TB, h *nstest.Host, policy string, code int, args ...string) nstest.Result {
	t.Helper()
	r := snatctl(t, h, policy, "diff", args...)
	if r.Code != code {
		t.Fatalf("diff exits %d, want %d\n%s%s\npolicy:%s\nkernel:\n%s", r.Code, code, r.Stdout, r.Stderr, policy, list(t, h))
	}
	return r
}

// start applies a policy to a gateway without rules and flows.
func (s *site) start(t testing.TB, policy string) {
	t.Helper()
	output(t, s.Gateway, "nft", "flush", "ruleset")
	must(t, s.Gateway.FlushFlows(context.Background()))
	apply(t, s.Gateway, policy)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
