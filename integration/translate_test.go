package integration

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTranslatedPackets sends packets through policies that old rules became: what the old kernels
// are known to do with them, the new table does.
func TestTranslatedPackets(t *testing.T) {
	s := startSite(t, "")
	translate := func(rules string, status int) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "rules")
		must(t, os.WriteFile(path, []byte(rules), 0o644))
		r := ctl(t, s.Gateway, "translate", "ipvsadm", path)
		if r.Code != status {
			t.Fatalf("translate exits with %d, want %d:\n%s", r.Code, status, r.Stderr)
		}
		return r.Stdout
	}
	// lvs-snat v1: zones in order, laddrs of zones and of a service, a zone without any.
	s.start(t, translate(`
ipvsadm -A -t 0.0.0.0:0
ipvsadm -K --zone 10.1.200.0/24
ipvsadm -K --zone 10.1.0.0/16
ipvsadm -U --zone 10.1.0.0/16 -z 198.51.100.1
ipvsadm -A -t 203.0.113.1:80 -s rr
ipvsadm -a -t 203.0.113.1:80 -r 192.168.1.1:8080 -b
ipvsadm -P -t 203.0.113.1:80 -z 192.168.2.9
ipvsadm -A -t 203.0.113.2:80 -s rr
ipvsadm -a -t 203.0.113.2:80 -r 192.168.1.2:80 -m
`, 0))
	s.check(t,
		packet{s.Office, "tcp 8.8.8.8:53", "outside sees 198.51.100.1"},
		packet{s.Office, "tcp 10.1.200.7 > 8.8.8.8:53", "refused"},
		packet{s.Office, "udp 8.8.8.8:53", "outside sees 10.1.5.9 | silent"}, // UDP is off: it leaves as it is
		packet{s.Office, "tcp 203.0.113.1:80", "rs1 sees 192.168.2.9"},
		packet{s.Office, "tcp 203.0.113.2:80", "rs2 sees 10.1.5.9"},
	)
	// lvs-snat v2: the longest source prefix decides, and what no rule matches is refused.
	s.start(t, translate(`
ipvsadm -A -f 1 -s snat_sched
ipvsadm -K -f 1 -F 10.1.0.0/17 -U 198.51.100.1
ipvsadm -K -f 1 -F 10.1.5.0/24 -T 9.9.9.0/24 -U 198.51.100.2
`, 0))
	s.check(t,
		packet{s.Office, "tcp 8.8.8.8:53", "outside sees 198.51.100.1"},
		packet{s.Office, "udp 8.8.8.8:53", "outside sees 198.51.100.1"},
		packet{s.Office, "tcp 9.9.9.9:53", "outside sees 198.51.100.2"},
		packet{s.Office, "tcp 10.1.200.7 > 8.8.8.8:53", "refused"},
	)
	// The plain-kernel variant: all sources, by the weights of the real servers.
	s.start(t, translate(`
-A -t 0.0.0.0:0 -s rr -p 10
-a -t 0.0.0.0:0 -r 198.51.100.1:0 -m -w 1
-a -t 0.0.0.0:0 -r 198.51.100.2:0 -m -w 0
-A -u 0.0.0.0:0 -s rr -p 10
`, 0))
	s.check(t,
		packet{s.Office, "tcp 8.8.8.8:53", "outside sees 198.51.100.1"},
		packet{s.Office, "tcp 9.9.9.9:53", "outside sees 198.51.100.1"},
		packet{s.Office, "udp 8.8.8.8:53", "refused"},
	)
}
