package lint

import (
	"fmt"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// eachService calls fn for every service, with its name as findings have it.
func (r *run) eachService(fn func(s *policy.Service, object string)) {
	if r.serviceNames == nil {
		r.serviceNames = make([]string, len(r.Services))
		for i := range r.Services {
			r.serviceNames[i] = "service " + r.Services[i].Name
		}
	}
	for i := range r.Services {
		fn(&r.Services[i], r.serviceNames[i])
	}
}

// adminPort is what operators reach the gateway itself by: ssh.
const adminPort = 22

func adminPortTaken(r *run) {
	r.eachService(func(s *policy.Service, object string) {
		for i, pp := range s.Ports {
			if pp.Proto != inet.TCP || !pp.Ports.Contains(adminPort) {
				continue
			}
			r.find(s.Item("ports", i), object, "remove tcp/22; if you reach the gateway at another address or port, say so with an ignore",
				"%s on %s includes tcp/22: ssh to the gateway at this address reaches a real server instead", pp, firstVIP(s))
			return
		}
	})
}

// unaddressed finds interfaces whose addresses are VIPs, and that have none.
func unaddressed(r *run, _ Host) { r.found = append(r.found, r.Lacking()...) }

// firstVIP names one VIP of a service: where ssh goes to the gateway itself, if it has one.
func firstVIP(s *policy.Service) string {
	if len(s.Interfaces) > 0 {
		return "the interface " + s.Interfaces[0].Interface
	}
	return "the VIP " + s.VIP[0].String()
}

func allDrained(r *run) {
	r.eachService(func(s *policy.Service, object string) {
		for _, rs := range s.RealServers {
			if rs.Weight > 0 {
				return
			}
		}
		if len(s.RealServers) > 0 {
			r.find(s.At("real_servers"), object, "give one of them a weight, or remove the service",
				"all weights are 0: no real server takes new connections; each gets on_empty: %s", s.OnEmpty)
		}
	})
}

func noRealServers(r *run) {
	r.eachService(func(s *policy.Service, object string) {
		if len(s.RealServers) == 0 && !s.Has("on_empty") {
			r.find(s.At("real_servers"), object, "add real servers, or write on_empty: reject to say that this is intended",
				"it has no real servers, so every connection is refused")
		}
	})
}

func noAgent(r *run) {
	if r.forAgent() {
		return
	}
	r.eachService(func(s *policy.Service, object string) {
		if s.Scheduler.ByFlows() {
			r.find(s.At("scheduler"), object, "run snatctl agent, and say so by a health_check (none is one, too); otherwise write scheduler: wrr",
				"the scheduler %s acts as wrr unless snatctl agent counts the connections of real servers for it", s.Scheduler)
		}
	})
}

// Idle UDP flows are forgotten after 30 s, and after 120 s where both sides have spoken
// (nf_conntrack_udp_timeout and _timeout_stream, Documentation/networking/nf_conntrack-sysctl.rst).
const (
	udpUnreplied   = 30 * time.Second
	udpStream      = 120 * time.Second
	longestPromise = 24 * time.Hour
)

func persistenceLength(r *run) {
	r.eachService(func(s *policy.Service, object string) {
		timeout := s.Persistence.Timeout
		if timeout > longestPromise {
			r.find(s.At("persistence"), object, "write at most 24h",
				"persistence of %s: every client is remembered for this long, and a new real server waits as long for its share", plain(timeout))
		}
		if timeout == 0 || timeout >= udpStream {
			return
		}
		for _, pp := range s.Ports {
			if pp.Proto == inet.UDP {
				r.find(s.At("persistence"), object, fmt.Sprintf("write persistence: %s or more", plain(udpStream)),
					"persistence of %s ends before an idle %s flow does (%s, or %s while unanswered): a client that pauses may meet another real server while its old flow lives",
					plain(timeout), pp.Proto, plain(udpStream), plain(udpUnreplied))
				return
			}
		}
	})
}

// plain writes a duration without its zero parts: 120s, 24h.
func plain(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return d.String()
}

func oneRealServer(r *run) {
	r.eachService(func(s *policy.Service, object string) {
		if len(s.RealServers) == 1 {
			r.find(s.RealServers[0].Pos, object, "add a second real server",
				"%s is its only real server: when that fails, so does the service", s.RealServers[0])
		}
	})
}
