package metrics

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/ct"
)

// large is an agent of many services with four real servers each.
type large struct {
	served
	services []agent.Service
	figures  traffic.Figures
}

func largeOf(n int) *large {
	l := &large{}
	for i := range n {
		name := fmt.Sprintf("svc-%d", i)
		s := agent.Service{Name: name}
		f := traffic.Service{ServiceReport: &ct.ServiceReport{Name: name}, Opened: uint64(i)}
		for k := range 4 {
			at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, 16 + byte(i>>14), byte(i >> 6), byte(i<<2) + byte(k)}), 80)
			s.Servers = append(s.Servers, agent.Server{Address: at, Share: 1, Health: "up"})
			f.Servers = append(f.Servers, traffic.Server{ServerReport: &ct.ServerReport{Address: at.Addr(), Port: 80}})
		}
		l.services, l.figures.Services = append(l.services, s), append(l.figures.Services, f)
	}
	return l
}

func (l *large) Services() []agent.Service { return l.services }

func (l *large) read(context.Context) (*traffic.Figures, error) { return &l.figures, nil }

// discard is an answer that nobody reads.
type discard struct {
	header http.Header
	bytes  int
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(b []byte) (int, error) {
	d.bytes += len(b)
	return len(b), nil
}

// BenchmarkScrape is what a scrape of 30,000 services with four real servers each takes, but for reading
// the kernel.
func BenchmarkScrape(b *testing.B) {
	l := largeOf(30000)
	for _, c := range []struct {
		name      string
		noServers bool
		gzip      bool
		checked   bool
	}{{"services", true, false, false}, {"servers", false, false, false}, {"servers,checks", false, false, true}, {"servers,checks,gzip", false, true, true}} {
		b.Run(c.name, func(b *testing.B) {
			m := New(Options{NoServers: c.noServers})
			for i := range l.services {
				if c.checked {
					m.Observe(health.Observation{ID: health.ID{Service: l.services[i].Name}, Took: time.Millisecond})
				}
			}
			h, r := m.Handler(l, l.read), httptest.NewRequest(http.MethodGet, "/metrics", nil)
			if c.gzip {
				r.Header.Set("Accept-Encoding", "gzip")
			}
			b.ReportAllocs()
			for b.Loop() {
				d := &discard{header: http.Header{}}
				h.ServeHTTP(d, r)
				b.SetBytes(int64(d.bytes))
			}
		})
	}
}
