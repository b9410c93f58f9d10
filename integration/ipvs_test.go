package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// ipvsRules are what the real IPVS gets by `ipvsadm -R`, and snatctl by translate and apply.
const ipvsRules = `-A -t 203.0.113.1:80 -s rr
-a -t 203.0.113.1:80 -r 192.168.1.1:80 -m -w 1
-a -t 203.0.113.1:80 -r 192.168.1.2:8080 -m -w 1
-a -t 203.0.113.1:80 -r 192.168.1.3:80 -m -w 1
-A -t 203.0.113.2:80 -s wrr
-a -t 203.0.113.2:80 -r 192.168.1.1:80 -m -w 3
-a -t 203.0.113.2:80 -r 192.168.1.2:80 -m -w 1
-a -t 203.0.113.2:80 -r 192.168.1.3:80 -m -w 0
-A -t 203.0.113.3:80 -s sh
-a -t 203.0.113.3:80 -r 192.168.1.1:80 -m -w 1
-a -t 203.0.113.3:80 -r 192.168.1.2:80 -m -w 1
-A -t 203.0.113.4:80 -s rr -p 300
-a -t 203.0.113.4:80 -r 192.168.1.1:80 -m -w 1
-a -t 203.0.113.4:80 -r 192.168.1.2:80 -m -w 1
-A -t 203.0.113.5:0 -s rr -p 300
-a -t 203.0.113.5:0 -r 192.168.1.1:0 -m -w 1
-a -t 203.0.113.5:0 -r 192.168.1.2:0 -m -w 1
-A -u 203.0.113.1:53 -s rr
-a -u 203.0.113.1:53 -r 192.168.1.1:5353 -m -w 1
-a -u 203.0.113.1:53 -r 192.168.1.3:53 -m -w 1
-A -t 203.0.113.6:80 -s rr
-A -f 7 -s rr
-a -f 7 -r 192.168.1.1:80 -m -w 1
-A -t 203.0.113.8:80 -s wrr
-a -t 203.0.113.8:80 -r 192.168.1.1:80 -m -w 0
`

// TestSameAsIPVS makes the same connections through the kernel's IPVS and through the policy that
// its rules are translated to: the same real servers see the same clients, in the same shares.
// Hashes differ, so of scheduler sh and of persistence a client need only stay where it is. It
// needs a kernel with ip_vs: `make kernels` has them.
func TestSameAsIPVS(t *testing.T) {
	s := startSite(t, "")
	if r, err := s.Gateway.Run(context.Background(), "ipvsadm", "-Ln"); err != nil || r.Code != 0 {
		t.Skip("this kernel has no IPVS, or ipvsadm is missing")
	}
	// IPVS looks at what is for the machine itself: the VIPs are its addresses.
	output(t, s.Gateway, "ip", "route", "replace", "local", "203.0.113.0/24", "dev", "lo")
	if r, err := s.Gateway.RunInput(context.Background(), ipvsRules, "ipvsadm", "-R"); err != nil || r.Code != 0 {
		t.Fatalf("ipvsadm -R: %v %s", err, r.Stderr)
	}
	saved := output(t, s.Gateway, "ipvsadm", "-S", "-n")
	old := s.fares(t)
	t.Logf("IPVS: %v", old)
	output(t, s.Gateway, "ipvsadm", "-C")
	output(t, s.Gateway, "ip", "route", "del", "local", "203.0.113.0/24", "dev", "lo")

	rules := filepath.Join(t.TempDir(), "rules")
	must(t, os.WriteFile(rules, []byte(saved), 0o644))
	r := ctl(t, s.Gateway, "translate", "ipvsadm", rules)
	if r.Code != 3 || !strings.Contains(r.Stderr, "-f 7") {
		t.Fatalf("translate exits with %d, and should name the service by mark:\n%s", r.Code, r.Stderr)
	}
	s.start(t, r.Stdout)
	if now := s.fares(t); !maps.Equal(old, now) {
		t.Errorf("IPVS: %v\nsnatctl: %v\nof\n%s", old, now, r.Stdout)
	}
}

// fares makes the connections and says of each kind who saw them how often.
func (s *site) fares(t *testing.T) map[string]string {
	t.Helper()
	client := func(i int) string { return fmt.Sprintf("10.1.200.%d", 10+i) }
	out := map[string]string{}
	for what, c := range map[string]struct {
		call        string
		times, each int // clients, and calls of each
		stays       bool
	}{
		"rr, with another port":           {"tcp %s > 203.0.113.1:80", 10, 3, false},
		"wrr, and weight 0":               {"tcp %s > 203.0.113.2:80", 10, 4, false},
		"sh":                              {"tcp %s > 203.0.113.3:80", 16, 3, true},
		"persistence":                     {"tcp %s > 203.0.113.4:80", 6, 3, true},
		"all ports":                       {"tcp %s > 203.0.113.5:8000", 6, 2, true},
		"no real server":                  {"tcp %s > 203.0.113.6:80", 1, 2, false},
		"no real server that has weight":  {"tcp %s > 203.0.113.8:80", 1, 2, false},
		"udp rr, each to its server port": {"udp %s > 203.0.113.1:53", 10, 2, false},
	} {
		shares, homes := map[string]int{}, map[string]bool{}
		for i := range c.times {
			var answers []string
			for range c.each {
				answers = append(answers, s.saw(t, fmt.Sprintf(c.call, client(i)), client(i)))
			}
			if same := slices.Compact(slices.Clone(answers)); c.stays && len(same) > 1 {
				t.Errorf("%s: client %s does not stay: %v", what, client(i), answers)
			}
			for _, a := range answers {
				shares[a]++
				homes[a] = true
			}
		}
		out[what] = fmt.Sprint(shares)
		if c.stays {
			out[what] = fmt.Sprint(slices.Sorted(maps.Keys(homes)))
		}
	}
	// All ports of one client go to one server.
	a, b := s.saw(t, "tcp 10.1.200.90 > 203.0.113.5:8001", "10.1.200.90"), s.saw(t, "tcp 10.1.200.90 > 203.0.113.5:443", "10.1.200.90")
	out["two ports of a client"] = fmt.Sprint(a == b)
	return out
}

// saw returns who answered a call and that it saw the client itself, or how the call failed.
func (s *site) saw(t *testing.T, call, client string) string {
	t.Helper()
	a, _, err := askWithin(nstest.Patience, s.Office, call)
	switch {
	case errors.Is(err, nstest.ErrRefused):
		return "refused"
	case err != nil:
		return err.Error()
	case a.Peer.Addr().String() != client:
		return a.Host + " sees " + a.Peer.Addr().String()
	}
	return a.Host
}
