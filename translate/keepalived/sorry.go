package keepalived

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// sorry gives a service its sorry server, and the quorum by which it steps in. Without a sorry
// server keepalived only runs scripts by the quorum.
func (k *translator) sorry(v *virtual, svc *translate.Service) {
	if v.kind != nil {
		if strings.EqualFold(v.kind.Word(1), "NAT") {
			k.whole(v.kind, 2)
		} else {
			k.report("M030", "", v.kind)
			if v.sorry != nil {
				k.report("M030", "", v.sorry)
				v.sorry = nil
			}
		}
	}
	if s := v.sorry; s != nil {
		a, code := address(s.Word(1))
		port, ok := portOf(s.Word(2))
		own := slices.ContainsFunc(v.at, func(e endpoint) bool { return slices.Contains(e.vips, a) })
		switch {
		case code != "" || !ok || port != inet.AnyPort && !port.Single():
			k.report("M207", "", s)
		case a.IsLoopback() || own || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast():
			k.report("M248", "", s)
		case a.Is4() != v.servers[0].addr.Is4():
			k.report("M003", "it is left out: its family is not that of the real servers", s)
		default:
			k.whole(s, 3)
			server := translate.Server{RealServer: policy.RealServer{Addr: a, Weight: policy.DefaultWeight}, Origin: translate.Origin{Place: s.At, Text: s.Text}}
			if port != inet.AnyPort {
				server.Port = port.First
			}
			svc.Sorry = append(svc.Sorry, server)
			k.quorum(v, svc)
			return
		}
	}
	for _, q := range []*number{&v.quorum, &v.hyst} {
		if q.from != nil {
			k.report("M249", "", q.from)
		}
	}
}

// quorum brings a quorum over, which keepalived counts in weights and the language in servers.
// It is lost below quorum - hysteresis, and met again at quorum + hysteresis (ipwrapper.c).
func (k *translator) quorum(v *virtual, svc *translate.Service) {
	need, hyst := 1, 0
	for _, q := range []struct {
		of   *number
		into *int
	}{{&v.quorum, &need}, {&v.hyst, &hyst}} {
		if q.of.from != nil {
			if n, ok := k.count(q.of.from, 0, 1<<30); ok {
				*q.into = n
			}
		}
	}
	sum, some, equal := 0, 0, true
	first := 0
	for _, s := range svc.Servers {
		r := slices.IndexFunc(v.servers, func(r *real) bool { return r.addr == s.Addr && r.port == s.Port })
		w := v.weight
		if r >= 0 && v.servers[r].weight.from != nil {
			w = v.servers[r].weight.n
		}
		if w == 0 {
			continue
		}
		if first == 0 {
			first = w
		}
		equal = equal && w == first
		sum, some = sum+w, some+1
	}
	if some == 0 {
		return
	}
	need = max(1, min(need, sum)) // check_data.c: the quorum is at most the sum
	hyst = max(0, min(hyst, need-1))
	servers := func(weight int) int { return max(1, min(some, (weight*some+sum-1)/sum)) }
	lost, back := servers(need-hyst), servers(need+hyst)
	svc.Quorum.Count, svc.Hysteresis = lost, back-lost
	if !equal && (need > 1 || hyst > 0) && v.quorum.from != nil {
		k.Note(v.quorum.from.At, "M250", v.quorum.from.Text, fmt.Sprintf("quorum %d: servers are counted, not their weights", lost))
	}
}

// onDown says what becomes of the connections of a server that is down: keepalived takes it out
// of IPVS, which then drops their packets, or gives it weight 0 (inhibit_on_failure).
func (k *translator) onDown(v *virtual, svc *translate.Service) {
	inhibit := 0
	for _, r := range v.servers {
		if r.inhibit != nil && *r.inhibit || r.inhibit == nil && v.inhibit {
			inhibit++
		}
	}
	svc.OnDown = policy.DownEnd
	if inhibit == 0 {
		return
	}
	svc.OnDown = policy.DownKeep
	if inhibit < len(v.servers) {
		k.Note(v.At, "M251", v.Text, "")
	}
}

// alpha reports that servers begin as down.
func (k *translator) alpha(v *virtual) {
	if v.alpha != nil {
		k.report("M215", "", v.alpha)
	}
}
