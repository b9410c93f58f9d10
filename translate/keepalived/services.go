package keepalived

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// claim is what one virtual server of IPVS is known by: address, protocol and port, or the mark and a family.
type claim struct {
	vip    netip.Addr
	proto  inet.Proto
	ports  inet.PortRange
	mark   uint32
	family inet.Family
}

// sort is what the services of one virtual server differ in.
type sort struct {
	ports inet.PortRange
	mark  uint32
}

// services makes services of a virtual server, one for each of its ports.
func (k *translator) services(v *virtual) {
	switch {
	case len(v.snat) > 0 || v.match:
		k.rules(v)
		return
	case len(v.at) == 0 && v.mark != "":
		k.drop(v, "M207")
		return
	case len(v.at) == 0:
		k.drop(v, "M031")
		return
	case v.mark != "" && v.at[0].mark > policy.MaxMark:
		k.drop(v, "M047")
		return
	case v.at[0].mark != 0:
	case len(v.at[0].vips) == 0 && v.at[0].ports != inet.AnyPort:
		k.drop(v, "M207")
		return
	case len(v.at[0].vips) == 0:
		k.everything(v)
		return
	}
	base, ok := k.service(v)
	if !ok {
		return
	}
	sorted := make(map[sort]*translate.Service)
	var order []sort
	for _, e := range v.at {
		own, some := k.claim(v, e)
		if !some {
			continue
		}
		kind := sort{e.ports, e.mark}
		svc := sorted[kind]
		if svc == nil {
			one := *base
			svc = &one
			if svc.Mark = e.mark; e.mark == 0 {
				svc.Ports = []inet.ProtoPorts{{Proto: v.proto, Ports: e.ports}}
			}
			svc.Servers, svc.Sorry = slices.Clone(base.Servers), slices.Clone(base.Sorry)
			sorted[kind] = svc
			order = append(order, kind)
		}
		svc.VIP = append(svc.VIP, own...)
	}
	if len(order) == 0 {
		k.drop(v, "M229")
	}
	for i, kind := range order {
		svc := sorted[kind]
		if v.of != "" {
			k.use("group", v.of)
			svc.Name = v.of
			switch {
			case kind.mark != 0:
				svc.Name += "-mark-" + strconv.Itoa(int(kind.mark))
			case len(order) > 1 || i > 0:
				svc.Name += "-" + strings.NewReplacer("/", "-", "*", "all").Replace(svc.Ports[0].String())
			}
		}
		k.persistence(v, svc)
		k.lasts(v, svc)
		if svc.Mode == policy.FullNAT {
			if code := svc.Tell(k.dialect); code != "" {
				k.Note(v.At, code, "FULLNAT", "")
			}
		}
		if code := svc.Follow(); code != "" {
			k.Note(v.At, code, v.Text, "")
		}
		if v.proxy != nil {
			k.report(svc.Proxy(), "", v.proxy)
		}
		k.setup.Services = append(k.setup.Services, svc)
	}
}

// claim takes what an endpoint of a virtual server is, as far as none before has it: addresses, or a mark.
func (k *translator) claim(v *virtual, e endpoint) (own []netip.Addr, some bool) {
	take := func(c claim) bool {
		was, taken := k.claims[c]
		if taken {
			k.Note(e.from.At, "M229", e.from.Text, "the first one decides, at line "+strconv.Itoa(was.Line))
			return false
		}
		k.claims[c] = e.from.At
		return true
	}
	if e.mark > policy.MaxMark {
		k.Note(e.from.At, "M047", e.from.Text, "")
		return nil, false
	}
	if e.mark != 0 {
		if of := e.from.Word(2); e.from.Word(0) == "fwmark" && of != "" && (of == "inet6") != (v.family() == inet.V6) {
			k.Note(e.from.At, "M003", e.from.Text, "it is left out: its family is not that of the real servers")
			return nil, false
		}
		if some = take(claim{mark: e.mark, family: v.family()}); some {
			k.Note(e.from.At, "M032", e.from.Text, "")
		}
		return nil, some
	}
	for _, a := range e.vips {
		if take(claim{vip: a, proto: v.proto, ports: e.ports}) {
			own = append(own, a)
		}
	}
	return own, len(own) > 0
}

// drop loses a virtual server. What was already said of its parts stands.
func (k *translator) drop(v *virtual, code string) {
	k.lose(code, "", v.Statement)
}

// service makes what the services of a virtual server have in common. It returns false where no
// service can be made.
func (k *translator) service(v *virtual) (*translate.Service, bool) {
	svc := translate.NewService()
	svc.Origin = translate.Origin{Place: v.At, Text: v.Text}
	if !k.mode(v, svc) {
		return nil, false
	}
	probes := make(map[*real][]*probe)
	for _, r := range v.servers {
		for _, c := range r.checks {
			probes[r] = append(probes[r], k.probe(v, r, c))
		}
	}
	most := mostWeight
	for _, r := range v.servers {
		most = max(most, r.weight.n)
	}
	for _, r := range v.servers {
		weight := v.weight
		if r.weight.from != nil {
			weight = r.weight.n
		}
		if weight > 0 {
			weight = max(1, weight/((most+mostWeight-1)/mostWeight))
		}
		svc.Servers = append(svc.Servers, translate.Server{
			RealServer: policy.RealServer{Addr: r.addr, Port: r.port, Weight: weight},
			Origin:     translate.Origin{Place: r.At, Text: r.Text}})
	}
	k.bound(v, svc)
	svc.Check = k.choose(v, probes)
	k.virtualhosts(v)
	k.scheduler(v, svc)
	k.sorry(v, svc)
	k.callers(v, svc)
	if svc.Check != nil {
		k.onDown(v, svc)
	}
	k.alpha(v)
	return svc, true
}
