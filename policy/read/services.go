package read

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// service reads one service.
func (w *walker) service(n *yaml.Node) {
	s := policy.DefaultService()
	var pool, check string
	s.Keys = w.fields(n, words.Service, func(k *words.Keyword, v *yaml.Node) {
		s.Items = w.places(s.Items, k, v)
		switch k.Name() {
		case "name":
			s.Name, _ = w.objectName(v)
		case "vip":
			w.vips(v, &s)
		case "ports":
			s.Ports = w.servicePorts(v)
		case "mark":
			s.Mark = w.mark(v)
		case "mode":
			enum(w, v, k, &s.Mode)
		case "scheduler":
			enum(w, v, k, &s.Scheduler)
		case "persistence":
			s.Persistence = w.persistence(v)
		case "limits":
			s.Limits = w.limits(v, words.Limits)
		case "allow":
			s.Allow = w.ranges(w.someItems(v, wantAddresses))
		case "deny":
			s.Deny = w.ranges(w.items(v, wantAddresses))
		case "hairpin":
			s.Hairpin = w.hairpin(v)
		case "syn_proxy":
			s.SynProxy = w.synProxy(v)
		case "real_servers":
			s.RealServers = w.realServers(v)
		case "laddrs":
			pool, s.Laddrs = w.poolOrList(v)
		case "select":
			enum(w, v, k, &s.Select)
		case "client_address":
			enum(w, v, k, &s.ClientAddress)
		case "on_empty":
			enum(w, v, k, &s.OnEmpty)
		case "helpers":
			s.Helpers = w.helpers(v)
		case "health_check":
			check, s.HealthCheck = w.checkOrName(v)
		case "quorum":
			s.Quorum = w.quorum(v, k)
		case "hysteresis":
			s.Hysteresis, _ = w.integer(v, k)
		case "sorry_servers":
			s.SorryServers = w.realServers(v)
		case "slow_start":
			s.SlowStart, _ = w.duration(v)
		case "timeouts":
			s.Timeouts = w.timeouts(v, k, words.ServiceTimeouts)
		case "panic":
			s.Panic = w.percent(v)
		case "on_down":
			enum(w, v, k, &s.OnDown)
		}
	})
	s.Pos = w.pos(n)
	s.Pos = s.At("name")
	w.inPlaceOf(&s)
	w.policy.Services = append(w.policy.Services, s)
	w.named.services = append(w.named.services, pool)
	if check != "" {
		if w.checked == nil {
			w.checked = make(map[int]string)
		}
		w.checked[len(w.policy.Services)-1] = check
	}
	w.partial.Services = append(w.partial.Services, w.broken)
}

// vips reads the virtual addresses of a service, and the interfaces that have some.
func (w *walker) vips(n *yaml.Node, s *policy.Service) {
	v, ok := w.value(n)
	if !ok {
		return
	}
	items := []*yaml.Node{v}
	if v.Kind != yaml.MappingNode {
		items = w.someItems(n, "an address, {interface: NAME}, or a list of these")
	}
	s.VIP = make([]netip.Addr, 0, len(items))
	var seen distinct[netip.Addr]
	for _, item := range items {
		at := w.pos(item)
		item, ok := w.value(item)
		if !ok {
			continue
		}
		if item.Kind == yaml.MappingNode {
			w.interfaceVIP(item, at, s)
			continue
		}
		a, ok := w.address(item)
		switch {
		case ok && !seen.add(a):
			w.fail(item, "S01", "remove one of the two", "the VIP %s is listed twice", a)
		case ok:
			s.VIP = append(s.VIP, a)
			if v.Kind == yaml.SequenceNode {
				s.Items = append(s.Items, policy.KeyPos{Key: "vip", Pos: at})
			}
		}
	}
}

// interfaceVIP reads an interface whose addresses are VIPs.
func (w *walker) interfaceVIP(n *yaml.Node, at policy.Pos, s *policy.Service) {
	vip := policy.InterfaceVIP{Pos: at}
	w.fields(n, words.InterfaceVIP, func(k *words.Keyword, v *yaml.Node) {
		switch k.Name() {
		case "interface":
			vip.Interface, _ = w.iface(v, false)
		case "family":
			var word string
			enum(w, v, k, &word)
			vip.Family = map[string]inet.Family{"4": inet.V4, "6": inet.V6}[word]
		}
	})
	if vip.Interface == "" {
		return
	}
	for _, other := range s.Interfaces {
		if other.Interface == vip.Interface && (other.Family == vip.Family || other.Family == 0 || vip.Family == 0) {
			w.fail(n, "S01", "remove one of the two", "the addresses of the interface %q are listed twice", vip.Interface)
			return
		}
	}
	s.Interfaces = append(s.Interfaces, vip)
}

// servicePorts reads the ports of a service, whose protocols must have some.
func (w *walker) servicePorts(n *yaml.Node) []inet.ProtoPorts {
	for _, item := range w.items(n, "ports like tcp/80") {
		if v, ok := w.value(item); ok && strings.HasPrefix(v.Value, "icmp") {
			w.fail(item, "S18", "use a zone for icmp", "a service can have tcp, udp and sctp, not %s", v.Value)
			return nil
		}
	}
	return w.protoPorts(n)
}

// persistence reads a duration, or a mapping with one.
func (w *walker) persistence(n *yaml.Node) policy.Persistence {
	p := policy.DefaultPersistence()
	v, ok := w.value(n)
	switch {
	case !ok:
		return policy.Persistence{}
	case v.Kind == yaml.MappingNode:
		w.fields(v, words.Persistence, func(k *words.Keyword, v *yaml.Node) {
			switch k.Name() {
			case "timeout":
				p.Timeout, _ = w.duration(v)
			case "mask4":
				p.Mask4, _ = w.integer(v, k)
			case "mask6":
				p.Mask6, _ = w.integer(v, k)
			}
		})
	default:
		p.Timeout, _ = w.duration(n)
	}
	if p.Timeout == 0 {
		return policy.Persistence{}
	}
	return p
}

// hairpin reads true or false, or addresses.
func (w *walker) hairpin(n *yaml.Node) (h policy.Hairpin) {
	v, ok := w.value(n)
	if !ok {
		return h
	}
	if v.Kind == yaml.ScalarNode && !isNull(v) && !isAddresses(v.Value) {
		if !isPlain(v) || v.Value != "true" && v.Value != "false" {
			w.fail(n, "N03", "write true for the real servers themselves, or the prefixes of callers", "must be true, false or addresses, not %q", v.Value)
		}
		h.Servers = v.Value == "true"
		return h
	}
	h.From = w.ranges(w.someItems(n, "true, false or addresses"))
	return h
}

// realServers reads the real servers of a service.
func (w *walker) realServers(n *yaml.Node) []policy.RealServer {
	items := w.items(n, "a list of real servers")
	out := make([]policy.RealServer, 0, len(items))
	for _, item := range items {
		rs := policy.RealServer{Pos: w.pos(item), Weight: policy.DefaultWeight}
		item, ok := w.value(item)
		if !ok {
			continue
		}
		if item.Kind == yaml.MappingNode {
			w.realServer(item, &rs)
		} else {
			rs.Addr, rs.Port, _ = w.endpoint(item)
		}
		if rs.Addr.IsValid() {
			out = append(out, rs)
		}
	}
	return out
}

// realServer reads the long form of a real server.
func (w *walker) realServer(n *yaml.Node, rs *policy.RealServer) {
	w.fields(n, words.RealServer, func(k *words.Keyword, v *yaml.Node) {
		switch k.Name() {
		case "address":
			rs.Pos = w.pos(v)
			rs.Addr, _ = w.address(v)
		case "port":
			if text, ok := w.portText(v); ok {
				rs.Port = w.port(v, text)
			}
		case "weight":
			if weight, ok := w.integer(v, k); ok {
				rs.Weight = weight
			}
		}
	})
}

// endpoint reads "addr", "addr:port" or "[v6]:port"; the port is 0 where none is given.
func (w *walker) endpoint(n *yaml.Node) (netip.Addr, uint16, bool) {
	text, ok := w.text(n, "an address, with or without a port")
	if !ok {
		return netip.Addr{}, 0, false
	}
	host, port, hasPort := splitPort(text)
	a, err := inet.ParseAddr(host)
	if err != nil {
		if _, rangeErr := inet.ParseRange(host); rangeErr == nil {
			w.fail(n, "N03", "", "%q is more than one address", host)
		} else {
			w.badAddress(n, host, err)
		}
		return netip.Addr{}, 0, false
	}
	if !hasPort {
		return a, 0, true
	}
	p := w.port(n, port)
	return a, p, p != 0
}

// port reads one port.
func (w *walker) port(n *yaml.Node, text string) uint16 {
	r, err := inet.ParsePortRange(text)
	switch {
	case errors.Is(err, inet.ErrPortZero):
		w.badPorts(n, err)
	case err != nil || !r.Single():
		w.fail(n, "N03", "", "%s is not a port (want 1 to 65535)", strconv.Quote(text))
	}
	if err != nil || !r.Single() {
		return 0
	}
	return r.First
}

// splitPort splits "a:port", "[v6]:port" and "[v6]"; a bare IPv6 address has no port.
func splitPort(s string) (host, port string, hasPort bool) {
	if rest, ok := strings.CutPrefix(s, "["); ok {
		if host, port, ok := strings.Cut(rest, "]"); ok {
			if port == "" {
				return host, "", false
			}
			if port, ok := strings.CutPrefix(port, ":"); ok {
				return host, port, true
			}
		}
		return s, "", false
	}
	host, port, hasPort = strings.Cut(s, ":")
	if strings.Contains(port, ":") {
		return s, "", false
	}
	return host, port, hasPort
}
