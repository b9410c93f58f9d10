package keepalived

import "github.com/snatctl/snatctl/translate"

// bound gives a service the limit that the thresholds of its real servers make together.
func (k *translator) bound(v *virtual, svc *translate.Service) {
	for i, r := range v.servers {
		if r.most == nil {
			continue
		}
		if n, ok := k.count(r.most, 0, 1<<31-1); ok {
			svc.Servers[i].Most = n
		}
	}
	some := svc.Bound()
	for i, r := range v.servers {
		switch n := svc.Servers[i].Most; {
		case n > 0 && some:
			k.report("M033", "", r.most)
		case n > 0:
			k.report("M048", "", r.most)
		}
		switch {
		case r.least == nil:
		case some:
			k.report("M049", "", r.least)
		default:
			k.report("M048", "", r.least)
		}
	}
}

// lasts gives a service the timeout of its open connections.
func (k *translator) lasts(v *virtual, svc *translate.Service) {
	if v.open == nil {
		return
	}
	if n, ok := k.count(v.open, 0, translate.MostTimeout); ok && n > 0 && !svc.Last(n) {
		k.report("M051", "", v.open)
	}
}

// timeouts carries lvs_timeouts over: tcp, tcpfin and udp, each with its seconds.
func (k *translator) timeouts(s *Statement) {
	last := make(map[string]int)
	for i := 1; i+1 < len(s.Words); i += 2 {
		n, ok := number32(s.Word(i + 1))
		if word := s.Word(i); !ok || n > translate.MostTimeout || word != "tcp" && word != "tcpfin" && word != "udp" {
			k.report("M207", "", s)
			return
		}
		last[s.Word(i)] = n
	}
	k.setup.Last(last["tcp"], last["tcpfin"], last["udp"])
	k.report("M110", "", s)
}
