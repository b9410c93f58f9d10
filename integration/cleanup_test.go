package integration

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// UDP that keeps sending to a real server which is taken from its service reaches another
// with the next packet; a stream through another service does not notice.
func TestCleanupRemovedServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, nstest.Options{})
	policy := func(servers string) string {
		return `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}
services:
  - {name: dns, vip: 203.0.113.1, ports: udp/53, mode: nat, real_servers: ` + servers + `}
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: 192.168.1.3}
`
	}
	s.start(t, policy("192.168.1.1"))
	udp, err := s.Office.Dial("udp", "", "203.0.113.1:53")
	must(t, err)
	defer udp.Close()
	a, err := nstest.AskOn(udp)
	must(t, err)
	if a.Host != "rs1" {
		t.Fatalf("rs %s answers, want rs1", a.Host)
	}
	web, err := s.Office.OpenStream("", "203.0.113.1:80")
	must(t, err)
	out, err := s.Office.OpenStream("", "8.8.8.8:53")
	must(t, err)

	after := policy("192.168.1.2")
	d := wantDiff(t, s.Gateway, after, 1)
	if want := "would end 1 flow of service dns: real server 192.168.1.1:53 is no longer listed\n"; !strings.Contains(d.Stdout, want) {
		t.Errorf("diff prints\n%s\nwithout %q", d.Stdout, want)
	}
	r := snatctl(t, s.Gateway, after, "apply", "--format", "json")
	if r.Code != 0 || !strings.Contains(r.Stdout, `"flows_ended":1`) {
		t.Errorf("apply exits %d and prints %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if a, err = nstest.AskOn(udp); err != nil || a.Host != "rs2" {
		t.Errorf("after apply %s answers (%v), want rs2", a.Host, err)
	}
	for name, st := range map[string]*nstest.Stream{"service": web, "zone": out} {
		if err := st.Alive(); err != nil {
			t.Errorf("the stream through the other %s: %v", name, err)
		}
		must(t, st.Close())
	}
}
