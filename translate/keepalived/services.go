package keepalived

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

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
	for i, p := range order {
		svc := sorted[p]
		if v.of != "" {
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
	k.lists4(v, svc)
	if svc.Check != nil {
		k.onDown(v, svc)
	}
	k.alpha(v)
	return svc, true
}

// mode says how a service translates: by the forwarding method of the virtual server, and of
// those real servers that have their own. Servers that answer past the gateway are left out.
func (k *translator) mode(v *virtual, svc *translate.Service) bool {
	if len(v.servers) == 0 {
		k.drop(v, "M216")
		return false
	}
	if direct(v) {
		k.drop(v, "M030")
		return false
	}
	methods := make(map[string]int)
	kept := v.servers[:0:0]
	seen := make(map[netip.AddrPort]bool)
	for _, r := range v.servers {
		m, id := v.method, netip.AddrPortFrom(r.addr, r.port)
		if r.method != nil {
			m = r.method
		}
		name := "NAT"
		if m != nil {
			name = strings.ToUpper(m.Word(1))
		}
		switch {
		case name != "NAT" && name != "FNAT":
			k.lose("M030", "", r.Statement)
			continue
		case r.addr.Is4() != v.at[0].vips[0].Is4():
			k.lose("M003", "it is left out: its family is not that of the virtual server", r.Statement)
			continue
		case seen[id]:
			k.lose("M217", "", r.Statement)
			continue
		}
		if r.method != nil {
			k.whole(r.method, len(r.method.Words))
		}
		seen[id] = true
		methods[name]++
		kept = append(kept, r)
	}
	if len(kept) == 0 {
		k.drop(v, "M031")
		return false
	}
	v.servers = kept
	if methods["FNAT"] > 0 {
		k.fullnat(v, svc, methods["NAT"] > 0)
	} else {
		if v.method != nil {
			k.whole(v.method, len(v.method.Words))
		}
		if v.pool != nil {
			k.report("M218", "", v.pool)
		}
	}
	return true
}

// direct tells whether all real servers have the virtual server's method, by which answers do not
// pass the gateway.
func direct(v *virtual) bool {
	if v.method == nil || strings.EqualFold(v.method.Word(1), "NAT") || strings.EqualFold(v.method.Word(1), "FNAT") {
		return false
	}
	return !slices.ContainsFunc(v.servers, func(r *real) bool { return r.method != nil })
}

// fullnat gives a service its laddrs.
func (k *translator) fullnat(v *virtual, svc *translate.Service, mixed bool) {
	if v.method != nil {
		k.whole(v.method, len(v.method.Words))
	}
	if mixed {
		k.Note(v.At, "M219", v.Text, "")
	}
	if k.dialect == translate.DSNAT && len(k.regions) > 0 {
		k.zoneLaddrs(v, svc)
		return
	}
	var p *translate.Pool
	if v.pool != nil {
		p = k.filled(v.pool.Word(1))
	}
	if p == nil {
		svc.Hairpin.From = []inet.Range{inet.Everything(inet.FamilyOf(v.servers[0].addr))}
		if v.pool != nil {
			k.report("M037", "", v.pool)
		} else {
			k.Note(v.At, "M037", v.Text, "")
		}
		return
	}
	k.whole(v.pool, 2)
	svc.Mode, svc.Pool, svc.Select = policy.FullNAT, p, turns(p)
	k.Note(v.At, "M038", "FULLNAT", "")
}

// zoneLaddrs gives a FULLNAT service of dsnat the laddrs of all zones: that kernel takes those of
// the client's zone, and refuses clients of none.
func (k *translator) zoneLaddrs(v *virtual, svc *translate.Service) {
	if v.pool != nil {
		k.report("M255", "", v.pool)
	}
	p := new(translate.Pool)
	var before []inet.Range
	zones := 0
	for _, r := range k.regions {
		mine := inet.Subtract(r.from, before)
		before = inet.Merge(append(before, r.from...))
		if len(mine) == 0 || r.pool == nil {
			continue
		}
		svc.Allow = append(svc.Allow, mine...)
		zones++
		for i, l := range r.pool.Laddrs {
			if !slices.ContainsFunc(p.Laddrs, func(o policy.Laddr) bool { return o.Range == l.Range }) {
				p.Laddrs, p.Origins = append(p.Laddrs, l), append(p.Origins, r.pool.Origins[i])
			}
		}
	}
	svc.Allow = inet.Merge(svc.Allow)
	if len(inet.Subtract(everyone, svc.Allow)) == 0 {
		svc.Allow = nil
	}
	svc.Mode, svc.Pool, svc.Select = policy.FullNAT, p, turns(p)
	k.Note(v.At, "M038", "FULLNAT", "")
	if zones > 1 {
		k.Note(v.At, "M263", v.Text, "")
	}
}

// lists4 gives a service the sources that may call it.
func (k *translator) lists4(v *virtual, svc *translate.Service) {
	take := func(s *Statement, into *[]inet.Range) {
		if s == nil {
			return
		}
		l := k.lists[s.Word(1)]
		if l == nil || len(l.ranges) == 0 {
			k.report("M222", "", s)
			return
		}
		*into = l.ranges
		k.whole(s, 2)
	}
	take(v.deny, &svc.Deny)
	take(v.allow, &svc.Allow)
}

// virtualhosts accounts for the names that web checks have by way of servers.
func (k *translator) virtualhosts(v *virtual) {
	web := func(r *real) bool {
		return slices.ContainsFunc(r.checks, func(s *Statement) bool { return s.Word(0) == "HTTP_GET" || s.Word(0) == "SSL_GET" })
	}
	say := func(s *Statement, used bool) {
		if s == nil {
			return
		}
		if used {
			k.whole(s, 2)
		} else {
			k.report("M246", "", s)
		}
	}
	say(v.hosts, slices.ContainsFunc(v.servers, func(r *real) bool { return web(r) }))
	for _, r := range v.servers {
		say(r.hosts, web(r))
	}
}

// scheduler gives a service its scheduler. Flags matter where they change where packets go.
func (k *translator) scheduler(v *virtual, svc *translate.Service) {
	name := "wlc" // check_data.c: IPVS_DEF_SCHED
	if v.sched != nil {
		name = v.sched.Word(1)
	}
	scheduler, code := translate.Scheduler(name)
	svc.Scheduler = scheduler
	switch {
	case v.sched == nil:
		k.Note(v.At, "M247", v.Text, "")
	case code == "":
		k.whole(v.sched, 2)
	default:
		k.report(code, "", v.sched)
	}
	if name == "fo" {
		svc.Failover()
	}
	if svc.Level() {
		for _, r := range v.servers {
			if r.weight.from != nil && r.weight.n > 1 {
				k.report("M019", "", r.weight.from)
			}
		}
	}
	for _, f := range v.flags {
		switch flag := f.Word(0); {
		case flag == "ops" && v.proto == inet.UDP:
			k.report("M034", "", f)
		case (flag == "sh-port" || flag == "flag-2") && name == "sh", (flag == "mh-port" || flag == "flag-2") && name == "mh":
			k.report("M017", "", f)
		case (flag == "sh-fallback" || flag == "flag-1") && name == "sh", (flag == "mh-fallback" || flag == "flag-1") && name == "mh":
			k.whole(f, 1)
		default:
			k.report("M018", "", f)
		}
	}
}

// persistence gives a service its persistence. IPVS wants one for every port (port 0), and
// keepalived then sets 6 minutes for all that the virtual server has (check_data.c).
func (k *translator) persistence(v *virtual, svc *translate.Service) {
	timeout := time.Duration(0)
	if v.persist != nil {
		n := 360
		if v.persist.Word(1) != "" {
			var ok bool
			if n, ok = k.count(v.persist, 0, 1<<31); !ok {
				n = 0
			}
		}
		k.whole(v.persist, 2)
		timeout = time.Duration(n) * time.Second
	}
	if timeout == 0 && slices.ContainsFunc(v.at, func(e endpoint) bool { return e.ports == anyPort }) {
		timeout = 360 * time.Second
	}
	p := policy.DefaultPersistence()
	p.Timeout = timeout
	if v.mask != nil {
		bits, ok := maskBits(v.mask.Word(1))
		switch {
		case timeout == 0:
			k.report("M018", "it is left out: it does nothing without persistence", v.mask)
		case !ok:
			k.report("M020", "", v.mask)
		case svc.VIP[0].Is4() && bits <= 32 && bits > 0:
			p.Mask4 = bits
			k.whole(v.mask, 2)
		case svc.VIP[0].Is6() && bits > 0:
			p.Mask6 = bits
			k.whole(v.mask, 2)
		default:
			k.report("M020", "", v.mask)
		}
	}
	if timeout > 0 {
		svc.Persistence = p
	}
}

// maskBits reads a mask as 255.255.255.0 or as a number of bits.
func maskBits(text string) (int, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, n >= 0 && n <= 128
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return 0, false
	}
	b := a.As4()
	mask := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n := 0
	for n < 32 && mask&(1<<(31-n)) != 0 {
		n++
	}
	return n, mask<<n == 0
}

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
		case code != "" || !ok || port != anyPort && !port.Single():
			k.report("M207", "", s)
		case a.IsLoopback() || own || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast():
			k.report("M248", "", s)
		case a.Is4() != v.servers[0].addr.Is4():
			k.report("M003", "it is left out: its family is not that of the real servers", s)
		default:
			k.whole(s, 3)
			server := translate.Server{RealServer: policy.RealServer{Addr: a, Weight: policy.DefaultWeight}, Origin: translate.Origin{Place: s.At, Text: s.Text}}
			if port != anyPort {
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
