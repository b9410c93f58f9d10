package ipvsadm

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// setup makes a setup of the table: what the old kernel would do, in the policy's words.
func (t *table) setup() *translate.Setup {
	s := translate.New(t.file)
	for _, c := range t.timeouts {
		s.Last(c[0], c[1], c[2])
	}
	var zero, matches []*service
	for _, v := range t.services {
		switch {
		case v.match != "":
			matches = append(matches, v)
		case t.isSNAT(v):
			t.ledger.Whole(v.words()...)
		case t.isZero(v):
			zero = append(zero, v)
		default:
			if out := t.regular(v); out != nil {
				s.Services = append(s.Services, out)
			}
		}
	}
	t.matches(s, matches)
	if slices.Contains(zoned, t.dialect) {
		t.zoned(s, zero)
	} else {
		t.plainSNAT(s, zero)
	}
	t.snatRules(s)
	return s
}

// isZero tells whether a service is 0.0.0.0:0, by which patched kernels translate sources.
func (t *table) isZero(v *service) bool {
	return v.addr == netip.IPv4Unspecified() && v.port == 0 && (v.proto == inet.TCP || v.proto == inet.UDP) &&
		(t.dialect == translate.IPVS || slices.Contains(zoned, t.dialect))
}

// isSNAT tells whether a service is the switch of lvs-snat v2's rules.
func (t *table) isSNAT(v *service) bool {
	return v.mark == snatMark && !v.six && (v.value("scheduler", "") == "snat_sched" || t.dialect == translate.LVSSNATv2 && len(v.servers) == 0)
}

// lose reports a service and all that belongs to it.
func (t *table) lose(v *service, code string) {
	t.say(&v.origin, code, "")
	for i := range v.extra {
		t.say(&v.extra[i], code, "")
	}
	for _, r := range v.servers {
		t.say(&r.origin, code, "")
	}
	for i := range v.laddrs {
		t.say(&v.laddrs[i].origin, code, "")
	}
	for _, entries := range [][]list{v.allow, v.deny} {
		for i := range entries {
			t.say(&entries[i].origin, code, "")
		}
	}
}

// regular makes a service; nil where none of it can be carried over.
func (t *table) regular(v *service) *translate.Service {
	switch {
	case v.addr.IsUnspecified():
		t.lose(v, "M112")
		return nil
	case v.proto == inet.ICMP || v.proto == inet.ICMPv6:
		t.lose(v, "M113")
		return nil
	case v.mark > policy.MaxMark:
		t.lose(v, "M047")
		return nil
	}
	out := translate.NewService()
	out.Origin = v.Origin
	if out.Mark = v.mark; v.mark == 0 {
		out.VIP = []netip.Addr{v.addr}
		out.Ports = []inet.ProtoPorts{{Proto: v.proto, Ports: inet.PortRange{First: v.port, Last: v.port}}}
		if v.port == 0 {
			out.Ports[0].Ports = inet.AnyPort
			t.zeroPort(v)
		}
	}
	t.servers(v, out)
	if len(out.Servers) == 0 && len(v.servers) > 0 {
		t.loseRest(v)
		return nil
	}
	if v.mark != 0 {
		more := ""
		if len(v.servers) == 0 {
			more = "`mark`, for both families: no real server tells which; the rules that mark packets stay"
		}
		t.ledger.Note(v.Place, "M032", v.Text, more)
	}
	t.ledger.Whole(v.head...)
	for i := range v.extra {
		t.ledger.Whole(v.extra[i].words()...)
	}
	t.options(v, out)
	t.lists(v, out)
	if out.Mode == policy.FullNAT {
		t.fullnat(v, out)
	} else {
		for i := range v.laddrs {
			t.say(&v.laddrs[i].origin, "M105", "")
		}
	}
	if code := out.Follow(); code != "" {
		t.ledger.Note(v.Place, code, v.Text, "")
	}
	if len(out.Servers) > 0 && out.Level() {
		t.ledger.Note(v.Place, "M019", v.Text, "")
	}
	return out
}

// zeroPort says what the forks made of services without a port.
func (t *table) zeroPort(v *service) {
	switch {
	case slices.Contains(zoned, t.dialect):
		t.ledger.Note(v.Place, "M106", v.Text, "all ports of the VIP go to its real servers, as in plain IPVS; this kernel sent them on untranslated")
	case v.find("persistent") == nil && !t.saved:
		t.ledger.Note(v.Place, "M111", v.Text, "ipvsadm refuses port 0 without -p: it is read as all ports of the VIP")
	}
}

// loseRest reports a service whose servers were all reported.
func (t *table) loseRest(v *service) {
	servers := v.servers
	v.servers = nil
	t.lose(v, "M031")
	v.servers = servers
}

// servers carries the real servers over.
func (t *table) servers(v *service, out *translate.Service) {
	var bounds []bound
	most, full := 0, false
	for _, r := range v.servers {
		most = max(most, r.weight)
		full = full || r.how == "fullnat"
	}
	for _, r := range v.servers {
		switch r.how {
		case "gatewaying", "ipip":
			t.say(&r.origin, "M030", "")
			continue
		case "snat":
			t.say(&r.origin, "M113", "")
			continue
		}
		if full && r.how != "fullnat" {
			t.say(&r.origin, "M114", "")
		}
		weight := r.weight
		if most > maxWeight && weight > 0 {
			weight = max(1, int(int64(weight)*maxWeight/int64(most)))
			t.say(&r.origin, "M107", fmt.Sprintf("weight %d", weight), r.find("weight").words...)
		}
		t.ledger.Whole(r.head...)
		s := translate.Server{RealServer: policy.RealServer{Addr: r.addr, Port: portTo(r.port, v.port), Weight: weight}, Origin: r.Origin}
		for i := range r.options {
			if g := &r.options[i]; g.name == "u-threshold" || g.name == "l-threshold" {
				bounds = append(bounds, t.threshold(r, g, &s)...)
			} else {
				t.serverOption(r, g)
			}
		}
		out.Servers = append(out.Servers, s)
	}
	if full {
		out.Mode = policy.FullNAT
	}
	some := out.Bound()
	for _, b := range bounds {
		code := "M048"
		switch {
		case some && b.given.name == "l-threshold":
			code = "M049"
		case some:
			code = "M033"
		}
		t.say(&b.of.origin, code, "", b.given.words...)
	}
}

// bound is a threshold of a real server.
type bound struct {
	of    *server
	given *given
}

// threshold reads a threshold of a real server. What becomes of it, all servers of the service tell.
func (t *table) threshold(r *server, g *given, s *translate.Server) []bound {
	n, err := parseNumber("the threshold", g.value, 0, 1<<31-1)
	switch {
	case err != nil:
		t.problemOf(&r.Origin, err, "")
		return nil
	case n == 0:
		t.ledger.Whole(g.words...)
		return nil
	case g.name == "u-threshold":
		s.Most = n
	}
	return []bound{{r, g}}
}

// maxWeight is the largest weight of a policy; newer kernels have larger ones.
const maxWeight = 65535

// portTo returns the port of a real server as policies write it: none where clients call the same.
func portTo(port, called uint16) uint16 {
	if port == called {
		return 0
	}
	return port
}

// serverOption accounts for an option of a real server.
func (t *table) serverOption(r *server, g *given) {
	switch g.name {
	case "tun-type", "tun-port", "tun-nocsum", "tun-csum", "tun-remcsum", "numeric", "ipv6":
		t.say(&r.origin, "M108", "", g.words...)
	default:
		if slices.Contains(forwarding, g.name) || g.name == "weight" {
			t.ledger.Whole(g.words...)
			return
		}
		t.say(&r.origin, "M115", "", g.words...)
	}
}

// lists carries black and white lists over.
func (t *table) lists(v *service, out *translate.Service) {
	for i := range v.deny {
		out.Deny = append(out.Deny, inet.AddrRange(v.deny[i].addr))
		t.ledger.Whole(v.deny[i].words()...)
		out.Notes = append(out.Notes, fmt.Sprintf("line %d: %s", v.deny[i].Place.Line, v.deny[i].Text))
	}
	for i := range v.allow {
		out.Allow = append(out.Allow, inet.AddrRange(v.allow[i].addr))
		t.ledger.Whole(v.allow[i].words()...)
		out.Notes = append(out.Notes, fmt.Sprintf("line %d: %s", v.allow[i].Place.Line, v.allow[i].Text))
	}
}
