package keepalived

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// virtual is a virtual_server block, as it is written.
type virtual struct {
	*Statement
	at      []endpoint // of which services are made
	mark    string     // fwmark; empty: none
	of      string     // the group; empty: none
	proto   inet.Proto
	sched   *Statement // nil: wlc
	flags   []*Statement
	method  *Statement // nil: NAT
	timers  timers
	persist *Statement
	mask    *Statement
	host    string     // virtualhost
	hosts   *Statement // that says it
	weight  int        // of servers that have none
	inhibit bool
	alpha   *Statement
	quorum  number
	hyst    number
	sorry   *Statement
	kind    *Statement // sorry_server_lvs_method
	pool    *Statement // laddr_group_name
	deny    *Statement // daddr_group_name
	allow   *Statement // waddr_group_name
	open    *Statement // est_timeout, establish_timeout, conn_timeout
	proxy   *Statement // syn_proxy
	snat    []*Statement
	servers []*real
	match   bool         // virtual_server match, of DPVS
	cond    []*Statement // of a match
}

// endpoint is a VIP with what clients call there, or a mark. No VIPs: any address, 0.0.0.0.
type endpoint struct {
	vips  []netip.Addr
	ports inet.PortRange // AnyPort: every port
	mark  uint32         // 0: none
	from  *Statement
}

// family returns the family of a virtual server, which the real servers of one by mark tell.
func (v *virtual) family() inet.Family {
	for _, e := range v.at {
		if len(e.vips) > 0 {
			return inet.FamilyOf(e.vips[0])
		}
	}
	for _, r := range v.servers {
		return inet.FamilyOf(r.addr)
	}
	return inet.V4
}

// number is a number that a statement says.
type number struct {
	n    int
	from *Statement // nil: not said
}

// virtual reads a virtual_server block and makes services of it.
func (k *translator) virtual(s *Statement) {
	v := &virtual{Statement: s, weight: 1, quorum: number{n: 1}}
	if !k.heading(v) {
		return
	}
	said := make(map[string]*Statement)
	for _, b := range s.Body {
		word := b.Word(0)
		if was := said[word]; was != nil && once[word] {
			k.report("M004", "the later line decides: line "+strconv.Itoa(b.At.Line), was)
		}
		said[word] = b
	}
	for _, b := range s.Body {
		if word := b.Word(0); !once[word] || said[word] == b {
			k.inVirtual(v, b)
		}
	}
	if v.proto == 0 && v.mark == "" && !v.match {
		// IPVS takes a service without protocol for one of UDP (check_data.c).
		v.proto = inet.UDP
		k.Note(s.At, "M220", s.Text, "")
	}
	k.services(v)
}

// heading reads what a virtual server is called by, and returns false for one that is lost.
func (k *translator) heading(v *virtual) bool {
	s := v.Statement
	switch s.Word(1) {
	case "fwmark":
		v.mark = s.Word(2)
		if n, ok := markOf(v.mark); ok {
			v.at = []endpoint{{mark: n, from: s}}
		}
		k.block(s, 3)
		return true
	case "match":
		v.match = true
		k.block(s, 3)
		return true
	case "group":
		g := k.groups[s.Word(2)]
		if g == nil {
			k.lose("M222", "", s)
			return false
		}
		v.of, v.at = s.Word(2), g.at
		k.block(s, 3)
		return true
	}
	a, bad := address(s.Word(1))
	if bad != "" {
		k.lose(bad, "", s)
		return false
	}
	port, ok := portOf(s.Word(2))
	if !ok {
		k.lose("M207", "", s)
		return false
	}
	e := endpoint{ports: port, from: s}
	if !a.IsUnspecified() {
		e.vips = []netip.Addr{a}
	}
	v.at = []endpoint{e}
	k.block(s, 3)
	return true
}

// inVirtual reads one statement of a virtual_server block.
func (k *translator) inVirtual(v *virtual, s *Statement) {
	if k.timer(s, &v.timers) {
		return
	}
	switch s.Word(0) {
	case "real_server":
		if r := k.real(v, s); r != nil {
			v.servers = append(v.servers, r)
		}
	case "protocol":
		k.protocol(v, s)
	case "lb_algo", "lvs_sched":
		v.sched = s
	case "flag-1", "flag-2", "flag-3", "sh-port", "sh-fallback", "mh-port", "mh-fallback", "ops", "hashed":
		v.flags = append(v.flags, s)
	case "lb_kind", "lvs_method":
		v.method = s
	case "persistence_timeout":
		v.persist = s
	case "persistence_granularity":
		v.mask = s
	case "persistence_engine":
		k.report("M021", "", s)
	case "virtualhost":
		v.host, v.hosts = s.Word(1), s
	case "weight":
		v.weight, _ = k.count(s, 0, 65535)
	case "inhibit_on_failure":
		v.inhibit = truth(s)
		k.whole(s, 2)
	case "alpha":
		if truth(s) {
			v.alpha = s
		} else {
			k.whole(s, 2)
		}
	case "quorum":
		v.quorum = number{v.quorum.n, s}
	case "hysteresis":
		v.hyst = number{0, s}
	case "sorry_server":
		v.sorry = s
	case "sorry_server_inhibit":
		k.whole(s, 2)
	case "sorry_server_lvs_method":
		v.kind = s
	case "laddr_group_name":
		v.pool = s
	case "daddr_group_name":
		v.deny = s
	case "waddr_group_name":
		v.allow = s
	case "est_timeout", "establish_timeout", "conn_timeout":
		if v.open != nil {
			k.report("M004", "the later line decides: line "+strconv.Itoa(s.At.Line), v.open)
		}
		v.open = s
	case "syn_proxy":
		v.proxy = s
	case "snat_rule":
		v.snat = append(v.snat, s)
	case "src-range", "dst-range", "iif", "oif":
		v.cond = append(v.cond, s)
	case "quorum_up", "quorum_down":
		more := ""
		if strings.Contains(s.Text, "ip addr") {
			more = "it is left out: no program runs; gateway.addresses can put VIPs on the gateway"
		}
		k.report("M212", more, s)
	default:
		k.inAny(s)
	}
}

// protocol reads which protocol a virtual server is for.
func (k *translator) protocol(v *virtual, s *Statement) {
	if v.mark != "" && len(v.snat) == 0 {
		k.whole(s, 2) // IPVS ignores it
		return
	}
	switch strings.ToUpper(s.Word(1)) {
	case "TCP":
		v.proto = inet.TCP
	case "UDP":
		v.proto = inet.UDP
	case "SCTP":
		v.proto = inet.SCTP
	case "ICMP", "ICMPV6":
		v.proto = inet.ICMP
	default:
		k.report("M207", "", s)
		return
	}
	k.whole(s, 2)
}
