package translate

import (
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/format"
)

// mostConnections is the largest limit of a policy.
const mostConnections = 10_000_000

// Bound gives a service the limit that the thresholds of its real servers make together: where all of them are full,
// IPVS refuses a connection. It gives none, and returns false, where a real server that gets connections has no threshold.
func (s *Service) Bound() bool {
	sum := 0
	for _, r := range s.Servers {
		switch {
		case r.Weight == 0:
		case r.Most == 0:
			return false
		default:
			sum = min(mostConnections, sum+r.Most)
		}
	}
	if sum == 0 {
		return false
	}
	s.Limits = policy.DefaultLimits()
	s.Limits.Connections, s.Limits.Action = sum, policy.Reject
	return true
}

// oldMSS is the segment size that SYN proxies of LVS and DPVS offer unless they are told otherwise, in bytes
// (IP_VS_SYNPROXY_INIT_MSS_DEFAULT).
const oldMSS = 1452

// Proxy gives a service a SYN proxy, and returns the code of what becomes of the old one. It offers what those of LVS and DPVS
// offer by default: neither window scale nor timestamps, so that it suits real servers of all kinds.
func (s *Service) Proxy() (code string) {
	switch {
	case s.ByMark():
		return "M052"
	case s.proto() != inet.TCP:
		return "M053"
	}
	s.SynProxy = policy.DefaultSynProxy()
	s.SynProxy.MSS, s.SynProxy.Timestamp = oldMSS, false
	return "M035"
}

// MostTimeout is the longest timeout of IPVS, in seconds: 31 days (ipvsadm.c).
const MostTimeout = 2678400

// Last says how long open connections of a service are remembered without a packet, in seconds. It returns false where
// only the whole machine can have such a timeout (SCTP).
func (s *Service) Last(seconds int) bool {
	var t policy.Timeouts
	for _, st := range []struct {
		proto inet.Proto
		keys  []string
	}{{inet.TCP, []string{"tcp_established"}}, {inet.UDP, []string{"udp", "udp_stream"}}} {
		if s.ByMark() || s.Ports[0].Proto == st.proto {
			setTimeouts(&t, seconds, st.keys...)
		}
	}
	if t == (policy.Timeouts{}) {
		return false
	}
	s.Timeouts = &t
	return true
}

// Last says how long all connections are remembered without a packet, in seconds, as IPVS tells them apart: open ones of TCP,
// those of TCP that close, and those of UDP. 0 says nothing of them.
func (s *Setup) Last(tcp, fin, udp int) {
	t := s.Gateway.Timeouts
	if t == nil {
		t = new(policy.Timeouts)
	}
	setTimeouts(t, tcp, "tcp_established")
	setTimeouts(t, fin, "tcp_fin_wait")
	setTimeouts(t, udp, "udp", "udp_stream")
	if *t != (policy.Timeouts{}) {
		s.Gateway.Timeouts = t
	}
}

func setTimeouts(t *policy.Timeouts, seconds int, keys ...string) {
	for _, key := range keys {
		if st, ok := policy.StateOf(key); ok && seconds > 0 {
			t[st] = time.Duration(seconds) * time.Second
		}
	}
}

func writeTimeouts(t *policy.Timeouts) *format.Mapping {
	m := new(format.Mapping).InBrackets()
	for i, st := range policy.FlowStates() {
		if t[i] > 0 {
			m.Set(st.Key, format.Text(seconds(t[i])))
		}
	}
	return m
}

func writeLimits(l *policy.Limits) *format.Mapping {
	m := new(format.Mapping).InBrackets()
	m.Set("connections", format.Number(l.Connections))
	if l.Action != policy.Drop {
		m.Set("action", format.Text(string(l.Action)))
	}
	return m
}

// writeSynProxy writes what differs from the defaults.
func writeSynProxy(p policy.SynProxy) format.Value {
	was := policy.DefaultSynProxy()
	if p == was {
		return format.Truth(true)
	}
	m := new(format.Mapping).InBrackets()
	if p.MSS != was.MSS {
		m.Set("mss", format.Number(p.MSS))
	}
	if p.Timestamp != was.Timestamp {
		m.Set("timestamp", format.Truth(p.Timestamp))
	}
	return m
}
