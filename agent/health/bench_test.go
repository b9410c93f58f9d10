package health

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/snatctl/snatctl/internal/authority"
	"github.com/snatctl/snatctl/internal/lab"
)

// BenchmarkProbe checks a server of each type again and again. The server is part of what it
// takes, but for commands.
func BenchmarkProbe(b *testing.B) {
	now := time.Now()
	ca := authority.New(b)
	cert := ca.Issue(b, "www.example.com", now.Add(-time.Hour), now.Add(time.Hour))
	web := httptest.NewServer(http.HandlerFunc(site))
	defer web.Close()
	mail, _ := mailServer(b, "220 mx", map[string]string{"EHLO": "250 mx", "QUIT": "221 bye"})
	verified := Check{Type: HTTPS, Path: "/ok", Host: "www.example.com", Verify: true, CA: ca.File}
	for _, c := range []struct {
		name  string
		check Check
		to    string
	}{
		{"tcp", Check{Type: TCP, Expect: "ready"}, serveTCP(b, sayAndClose("ready\r\n"))},
		{"http", Check{Type: HTTP, Path: "/ok", Body: "ok"}, web.Listener.Addr().String()},
		{"https/1.1", verified, secureSite(b, cert, false)},
		{"https/2", verified, secureSite(b, cert, true)},
		{"dns", Check{Type: DNS, Query: "www.example.com", Answer: "192.0.2.1"}, nameServer(b, dns.RcodeSuccess, "www.example.com. A 192.0.2.1")},
		{"udp", Check{Type: UDP, Send: "ping", Expect: "ping"}, serveUDP(b, func(x []byte) []byte { return x })},
		{"icmp", Check{Type: ICMP}, "127.0.0.1:0"},
		{"smtp", Check{Type: SMTP}, mail},
		{"exec", Check{Type: Exec, Command: []string{"/bin/true"}}, "127.0.0.1:0"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := newProbes(Options{AllowExec: true})
			c.check.Timeout = 5 * time.Second
			t := Target{To: addrPort(c.to), Check: &c.check}
			before := lab.SelfCPU()
			for b.Loop() {
				if res := p.run(b.Context(), t); res.problem != "" {
					b.Fatal(res.problem)
				}
			}
			b.ReportMetric(float64((lab.SelfCPU()-before).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}

// BenchmarkPlan ends a check and starts the next one, among many.
func BenchmarkPlan(b *testing.B) {
	s := New(Options{Observe: func(Observation) {}})
	s.Set(targets(20000, &Check{Type: TCP}))
	for b.Loop() {
		c := s.plan[0]
		s.plan.take(c)
		c.due, c.began = c.at, c.at
		s.done(c, result{})
	}
}
