package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// moved is a keepalived.conf as its owner brings it: its services, and VRRP.
const moved = `
global_defs { router_id gw }
vrrp_instance V { interface wan0
    virtual_router_id 5
    virtual_ipaddress { 203.0.113.1/32 }
}
$CHECK= \
    TCP_CHECK { \
        connect_port 80 \
        connect_timeout 0.3 \
        retry 1 \
        delay_before_retry 0.3 \
    }
virtual_server 203.0.113.1 80 {
    delay_loop 0.3
    lb_algo wrr
    lb_kind NAT
    protocol TCP
    inhibit_on_failure
    real_server 192.168.1.1 80 { weight 3
        $CHECK
    }
    real_server 192.168.1.2 80 { weight 1
        $CHECK
    }
    real_server 192.168.1.3 80 { weight 0
        $CHECK
    }
}
virtual_server_group many {
    203.0.113.2 443
    203.0.113.2 8000-8001
}
virtual_server group many {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 192.168.1.2 80 { MISC_CHECK { misc_path "/bin/sh -c 'test ${0%3} = $0' 192.168.1.2" } }
    real_server 192.168.1.3 80 { MISC_CHECK { misc_path "/bin/sh -c 'test ${0%3} = $0' 192.168.1.3" } }
    delay_loop 0.3
}
virtual_server 203.0.113.3 443 {
    delay_loop 0.3
    lb_algo rr
    lb_kind NAT
    protocol TCP
    quorum 2
    sorry_server 192.168.1.3 8080
    real_server 192.168.1.1 443 {
        $CHECK
    }
    real_server 192.168.1.2 443 {
        $CHECK
    }
}
`

// What translate makes of a keepalived.conf does in the kernel, by the agent, what the old system did: shares by
// weight, groups, checks that run programs, sorry servers; a dead real server gets nothing new and
// keeps what it has where it is only inhibited.
func TestKeepalivedMoves(t *testing.T) {
	s := startSite(t, "")
	h := s.Gateway
	dir := t.TempDir()
	config, rest := filepath.Join(dir, "keepalived.conf"), filepath.Join(dir, "vrrp.conf")
	must(t, os.WriteFile(config, []byte(moved), 0o600))
	r := ctl(t, h, "translate", "keepalived", config, "--vrrp", rest)
	if r.Code != 0 || !strings.Contains(r.Stderr, "constructs whole, 0 changed, 0 lost") {
		t.Fatalf("translate exits %d:\n%s", r.Code, r.Stderr)
	}
	if text, err := os.ReadFile(rest); err != nil || !strings.Contains(string(text), "vrrp_instance V") || strings.Contains(string(text), "virtual_server") {
		t.Errorf("keepalived keeps %v:\n%s", err, text)
	}
	runAgent(t, h, r.Stdout, "--allow-exec")
	const web, sorry = "web-203.0.113.1-tcp-80", "web-203.0.113.3-tcp-443"
	awaitHealth(t, h, web, "192.168.1.1", "up")
	awaitHealth(t, h, web, "192.168.1.2", "up")
	awaitHealth(t, h, sorry, "192.168.1.2", "up")
	if got := s.asks(t, "tcp", "203.0.113.1:80", 40); got["rs1"] != 30 || got["rs2"] != 10 {
		t.Errorf("by weights of 3, 1 and 0: %v", got)
	}
	awaitHealth(t, h, "many-tcp-443", "192.168.1.3", "down")
	for _, vip := range []string{"203.0.113.2:443", "203.0.113.2:8000", "203.0.113.2:8001"} {
		if got := s.asks(t, "tcp", vip, 6); got["rs2"] != 6 {
			t.Errorf("%s, where the check of rs3 fails: %v", vip, got)
		}
	}
	if got := s.asks(t, "tcp", "203.0.113.3:443", 10); got["rs1"] != 5 || got["rs2"] != 5 {
		t.Errorf("the quorum is met: %v", got)
	}
	var held []*nstest.Stream
	for range 4 {
		st, err := s.Office.OpenStream("", "203.0.113.1:80")
		must(t, err)
		defer st.Close()
		held = append(held, st)
	}
	dies(t, s.RS[0], "drop")
	awaitHealth(t, h, web, "192.168.1.1", "down")
	if got := s.asks(t, "tcp", "203.0.113.1:80", 10); got["rs2"] != 10 {
		t.Errorf("without rs1: %v", got)
	}
	awaitHealth(t, h, sorry, "192.168.1.1", "down")
	if got := s.asks(t, "tcp", "203.0.113.3:443", 10); got["rs3"] != 10 {
		t.Errorf("below the quorum: %v", got)
	}
	for _, st := range held {
		must(t, st.Alive()) // inhibited, so connections stay
	}
	rises(t, s.RS[0])
	awaitHealth(t, h, web, "192.168.1.1", "up")
	eventually(t, "the shares to be the old ones", func() bool {
		got := s.asks(t, "tcp", "203.0.113.1:80", 40)
		return got["rs1"] == 30 && got["rs2"] == 10
	})
}
