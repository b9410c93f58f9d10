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

// claim is what one virtual server of IPVS is known by.
type claim struct {
	vip   netip.Addr
	proto inet.Proto
	ports inet.PortRange
}

// services makes services of a virtual server, one for each of its ports.
func (k *translator) services(v *virtual) {
	switch {
	case len(v.snat) > 0 || v.match:
		k.rules(v)
		return
	case v.mark != "":
		k.drop(v, "M032")
		return
	case len(v.at) == 0:
		k.drop(v, "M031")
		return
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
	sorted := make(map[inet.PortRange]*translate.Service)
	var order []inet.PortRange
	for _, e := range v.at {
		var own []netip.Addr
		for _, a := range e.vips {
			c := claim{a, v.proto, e.ports}
			if was, taken := k.claims[c]; taken {
				k.Note(e.from.At, "M229", e.from.Text, "the first one decides, at line "+strconv.Itoa(was.Line))
				continue
			}
			k.claims[c] = e.from.At
			own = append(own, a)
		}
		if len(own) == 0 {
			continue
		}
		svc := sorted[e.ports]
		if svc == nil {
			one := *base
			svc = &one
			svc.Ports = []inet.ProtoPorts{{Proto: v.proto, Ports: e.ports}}
			svc.Servers, svc.Sorry = slices.Clone(base.Servers), slices.Clone(base.Sorry)
			sorted[e.ports] = svc
			order = append(order, e.ports)
		}
		svc.VIP = append(svc.VIP, own...)
	}
	if len(order) == 0 {
		k.drop(v, "M229")
	}
	for i, p := range order {
		svc := sorted[p]
		if v.of != "" {
			k.use("group", v.of)
			svc.Name = v.of
			if len(order) > 1 || i > 0 {
				svc.Name += "-" + strings.NewReplacer("/", "-", "*", "all").Replace(svc.Ports[0].String())
			}
		}
		k.persistence(v, svc)
		k.setup.Services = append(k.setup.Services, svc)
	}
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
