package policy

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// InterfaceVIP makes the addresses of an interface a service's VIPs, whatever they are: those of a
// PPPoE link, or from DHCP. A policy as it was written does not know them; Resolve enters them.
type InterfaceVIP struct {
	Pos       Pos
	Interface string       // its name
	Family    inet.Family  // whose addresses are meant; 0: both
	Known     bool         // Resolve was told what the interface has
	Addrs     []netip.Addr // that Resolve made VIPs of the service; none where the interface has none
}

// takes tells whether addresses of a family become VIPs of the service. Where the policy names no
// family, one that no real server has is not meant: the gateway itself may serve it.
func (v *InterfaceVIP) takes(s *Service, f inet.Family) bool {
	if v.Family != 0 || len(s.RealServers)+len(s.SorryServers) == 0 {
		return v.Family == 0 || v.Family == f
	}
	has := func(rs RealServer) bool { return inet.FamilyOf(rs.Addr) == f }
	return slices.ContainsFunc(s.RealServers, has) || slices.ContainsFunc(s.SorryServers, has)
}

// from returns those addresses of the interface that become VIPs of the service.
func (v *InterfaceVIP) from(s *Service, has []netip.Addr) (out []netip.Addr) {
	for _, a := range has {
		if v.takes(s, inet.FamilyOf(a)) {
			out = append(out, a)
		}
	}
	return out
}

// Facts are what a policy asks of the host that carries it out. The zero value knows nothing.
type Facts struct {
	// Addrs are the addresses that interfaces have, without those that only a link or the host itself
	// knows, sorted, by the interface's name.
	Addrs map[string][]netip.Addr `json:"addresses,omitempty"`
	// Node is which of the policy's nodes the host is; empty: nobody told.
	Node string `json:"node,omitempty"`
	// Nodes are states that nodes have in place of those that the policy says.
	Nodes map[string]NodeState `json:"nodes,omitempty"`
	// Whole says that an interface which Addrs does not have has no address.
	Whole bool `json:"whole,omitempty"`
}

// Equal tells whether two hosts look alike to a policy.
func (f Facts) Equal(g Facts) bool {
	return f.Node == g.Node && f.Whole == g.Whole && maps.Equal(f.Nodes, g.Nodes) && maps.EqualFunc(f.Addrs, g.Addrs, slices.Equal)
}

// Interfaces returns the interfaces whose addresses are VIPs, sorted, each once.
func (p *Policy) Interfaces() []string { return p.interfaces(func(*InterfaceVIP) bool { return true }) }

// Unresolved returns those of Interfaces whose addresses nobody told.
func (p *Policy) Unresolved() []string {
	return p.interfaces(func(v *InterfaceVIP) bool { return !v.Known })
}

func (p *Policy) interfaces(which func(*InterfaceVIP) bool) (out []string) {
	for i := range p.Services {
		for j := range p.Services[i].Interfaces {
			if v := &p.Services[i].Interfaces[j]; which(v) {
				out = append(out, v.Interface)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Resolve returns the policy of the facts' node, if the policy has nodes and they tell one, with the
// addresses of interfaces among the VIPs of its services, as far as the facts tell them. The policy itself
// stays as it is, and is what Resolve returns where it asks for neither. A policy with a State keeps it. An
// interface without address makes no VIP, and a warning: a link may come later, and all else has to work
// until then. Errors are contradictions that only the addresses show, such as two services that claim the
// same VIP and port, and a node that the policy does not have; then the policy is nil.
func (p *Policy) Resolve(facts Facts) (*Policy, Diagnostics) {
	p = p.withNodes(facts.Nodes)
	if facts.Node != "" {
		here, d := p.At(facts.Node)
		if d != nil {
			return nil, Diagnostics{*d}
		}
		p = here
	}
	if len(p.Interfaces()) == 0 {
		return p, nil
	}
	out, r := *p, new(Report)
	out.Services = slices.Clone(p.Services)
	for i := range out.Services {
		if s := &out.Services[i]; len(s.Interfaces) > 0 {
			s.resolve(facts)
		}
	}
	if p.written != nil { // p has a state, which contradicts nothing
		written, ds := p.written.Resolve(facts)
		out.written = written
		if written == nil {
			return nil, ds
		}
		return &out, ds
	}
	out.Check(r, Partial{})
	if ds := r.Diagnostics(); ds.Err() != nil {
		return nil, ds
	}
	return &out, out.Lacking()
}

// Move is an interface whose addresses are not those that a service has for VIPs.
type Move struct {
	Service, Interface string
	Was, Is            []netip.Addr
}

// Moved holds a policy that Resolve returned against facts of a later time.
func (p *Policy) Moved(facts Facts) (out []Move) {
	for i := range p.Services {
		s := &p.Services[i]
		for j := range s.Interfaces {
			v := &s.Interfaces[j]
			if is := v.from(s, facts.Addrs[v.Interface]); !slices.Equal(is, v.Addrs) {
				out = append(out, Move{s.Name, v.Interface, v.Addrs, is})
			}
		}
	}
	return out
}

// Lacking warns of interfaces that have no address to make a VIP of, as far as Resolve was told.
func (p *Policy) Lacking() (out Diagnostics) {
	for i := range p.Services {
		s := &p.Services[i]
		for j := range s.Interfaces {
			if v := &s.Interfaces[j]; v.Known && len(v.Addrs) == 0 {
				about := Object{"service", s.Name}.String()
				out = append(out, Diagnostic{Pos: v.Pos, Severity: Warning, Code: NoAddress, Object: about,
					Msg:  about + ": the interface " + v.Interface + " has no " + v.kind(s) + ", so no VIP comes of it",
					Hint: "apply again once it has one; docs/guide.md shows a hook that does"})
			}
		}
	}
	return out
}

// resolve enters the addresses of a service's interfaces.
func (s *Service) resolve(facts Facts) {
	s.VIP, s.Interfaces = slices.Clone(s.VIP), slices.Clone(s.Interfaces)
	for i := range s.Interfaces {
		v := &s.Interfaces[i]
		has, known := facts.Addrs[v.Interface]
		if v.Known || !known && !facts.Whole {
			continue
		}
		v.Known, v.Addrs = true, v.from(s, has)
		for _, a := range v.Addrs {
			if !slices.Contains(s.VIP, a) {
				s.VIP = append(s.VIP, a)
			}
		}
	}
}

// Called tells whether a service has a VIP of a family, or may have one by an interface that nobody told the
// addresses of, or takes packets of the family by their mark.
func (s *Service) Called(f inet.Family) bool {
	return s.marks(f) || slices.ContainsFunc(s.VIP, func(a netip.Addr) bool { return inet.FamilyOf(a) == f }) ||
		slices.ContainsFunc(s.Interfaces, func(v InterfaceVIP) bool { return !v.Known && v.takes(s, f) })
}

// kind says what addresses of the interface become VIPs.
func (v *InterfaceVIP) kind(s *Service) string {
	for _, f := range inet.Families {
		if !v.takes(s, f) {
			return (f ^ inet.V4 ^ inet.V6).String() + " address"
		}
	}
	return "address"
}

// vipPos returns where the i-th VIP is written, or the interface that has it.
func (s *Service) vipPos(i int) Pos {
	if v := s.having(s.VIP[i]); v != nil {
		return v.Pos
	}
	return s.Item("vip", i)
}

// VIPOf returns the interface by which an address is a VIP; empty where it is written only.
func (s *Service) VIPOf(a netip.Addr) string {
	if v := s.having(a); v != nil {
		return v.Interface
	}
	return ""
}

// having returns the first of the service's interfaces that has an address; nil where none has.
func (s *Service) having(a netip.Addr) *InterfaceVIP {
	i := slices.IndexFunc(s.Interfaces, func(v InterfaceVIP) bool { return slices.Contains(v.Addrs, a) })
	if i < 0 {
		return nil
	}
	return &s.Interfaces[i]
}

// ofInterface says the same in words that follow the address: " (an address of wan0)".
func (s *Service) ofInterface(a netip.Addr) string {
	if name := s.VIPOf(a); name != "" {
		return " (an address of " + name + ")"
	}
	return ""
}
