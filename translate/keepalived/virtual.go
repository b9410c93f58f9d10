package keepalived

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

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
	snat    []*Statement
	servers []*real
	match   bool // virtual_server match, of DPVS
	cond    conditions
}

// endpoint is a VIP with what clients call there. No VIPs: any address, 0.0.0.0.
type endpoint struct {
	vips  []netip.Addr
	ports inet.PortRange // AnyPort: every port
	from  *Statement
}

// number is a number that a statement says.
type number struct {
	n    int
	from *Statement // nil: not said
}

// timers are what checks inherit from the real server, and that from the virtual server.
type timers struct {
	loop, connect, before, warmup time.Duration
	retry                         int
	has                           struct{ loop, connect, before, warmup, retry bool }
}

// inherit takes from a what is not said here.
func (t *timers) inherit(a timers) {
	take := func(has *bool, from bool, v *time.Duration, of time.Duration) {
		if !*has && from {
			*has, *v = true, of
		}
	}
	take(&t.has.loop, a.has.loop, &t.loop, a.loop)
	take(&t.has.connect, a.has.connect, &t.connect, a.connect)
	take(&t.has.before, a.has.before, &t.before, a.before)
	take(&t.has.warmup, a.has.warmup, &t.warmup, a.warmup)
	if !t.has.retry && a.has.retry {
		t.has.retry, t.retry = true, a.retry
	}
}

// timer reads a statement that is one of the timers, and returns false for another.
func (k *translator) timer(s *Statement, t *timers) bool {
	var at *time.Duration
	var has *bool
	switch s.Word(0) {
	case "delay_loop":
		at, has = &t.loop, &t.has.loop
	case "connect_timeout":
		at, has = &t.connect, &t.has.connect
	case "delay_before_retry":
		at, has = &t.before, &t.has.before
	case "warmup":
		at, has = &t.warmup, &t.has.warmup
	case "retry", "nb_get_retry", "nb_sock_retry":
		if n, ok := k.count(s, 0, 1<<20); ok {
			t.retry, t.has.retry = n, true
		}
		return true
	default:
		return false
	}
	seconds, err := strconv.ParseFloat(s.Word(1), 64)
	if err != nil || seconds < 0 || seconds > 1e8 {
		k.report("M207", "", s)
		return true
	}
	*at, *has = time.Duration(seconds*1e6)*time.Microsecond, true
	if s.Word(0) == "warmup" {
		k.report("M221", "", s)
	} else {
		k.whole(s, 2)
	}
	return true
}

// count reads a whole number behind the keyword, and reports the statement if there is none.
func (k *translator) count(s *Statement, low, high int) (int, bool) {
	n, err := strconv.Atoi(s.Word(1))
	if err != nil || n < low || n > high {
		k.report("M207", "", s)
		return 0, false
	}
	k.whole(s, 2)
	return n, true
}

// truth reads the value of a switch: on, where nothing stands behind it.
func truth(s *Statement) bool {
	switch strings.ToLower(s.Word(1)) {
	case "off", "false", "no":
		return false
	}
	return true
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

// once are keywords of which the last one decides.
var once = map[string]bool{"protocol": true, "lb_algo": true, "lvs_sched": true, "lb_kind": true, "lvs_method": true, "persistence_timeout": true,
	"persistence_granularity": true, "quorum": true, "hysteresis": true, "sorry_server": true, "laddr_group_name": true, "virtualhost": true}

// heading reads what a virtual server is called by, and returns false for one that is lost.
func (k *translator) heading(v *virtual) bool {
	s := v.Statement
	switch s.Word(1) {
	case "fwmark":
		v.mark = s.Word(2)
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
		g.used = true
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

// address reads an address; bad is the code of what is wrong with it.
func address(text string) (a netip.Addr, bad string) {
	a, err := netip.ParseAddr(text)
	switch {
	case err == nil:
		return a.Unmap().WithZone(""), ""
	case strings.ContainsAny(text, "$"), text == "":
		return a, "M207"
	case strings.Trim(text, "0123456789.:/") == "":
		return a, "M207"
	}
	return a, "M005"
}

// portOf reads a port or a range of ports. None, and 0, are every port.
func portOf(text string) (inet.PortRange, bool) {
	if text == "" {
		return anyPort, true
	}
	low, high, some := strings.Cut(text, "-")
	if !some {
		high = low
	}
	a, err := strconv.ParseUint(low, 10, 16)
	b, err2 := strconv.ParseUint(high, 10, 16)
	switch {
	case err != nil || err2 != nil || b < a:
		return inet.PortRange{}, false
	case a == 0:
		return anyPort, true
	}
	return inet.PortRange{First: uint16(a), Last: uint16(b)}, true
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

// conditions are statements of a virtual_server match.
type conditions []*Statement

// lostWords are keywords of virtual and real servers that have no counterpart.
var lostWords = map[string]string{
	"quorum_up": "M212", "quorum_down": "M212", "notify_up": "M212", "notify_down": "M212", "omega": "M213",
	"net_mask": "M045", "smtp_alert": "M214", "snmp_name": "M214", "ha_suspend": "M045", "nat_mask": "M045", "vip_bind_dev": "M045", "ip_family": "M045",
	"uthreshold": "M033", "lthreshold": "M033", "max_conn": "M033", "bps": "M033", "bps_limit": "M033", "cps_limit": "M033", "limit_proportion": "M033",
	"syn_proxy": "M035", "est_timeout": "M036", "establish_timeout": "M036", "conn_timeout": "M036",
	"abs_priority": "M223", "hash_target": "M224", "proxy_protocol": "M225", "expire_quiescent_conn": "M045", "quic": "M224",
	"clear_policies": "M045", "log_all_failures": "M214",
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

// anyPort is every port.
var anyPort = inet.AnyPort
