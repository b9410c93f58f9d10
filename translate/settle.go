package translate

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// mostRounds is how often a policy is written anew without what the language refuses. One round
// names all that is wrong; more follow only from what was left out.
const mostRounds = 8

// Write returns the policy that a setup asks for. What the language refuses is left out, with a
// report in the ledger, so that the policy lints without errors. The setup is used up.
func (s *Setup) Write(l *Ledger) ([]byte, error) {
	s.share()
	for range mostRounds {
		out, err := s.write().Bytes()
		if err != nil {
			return nil, err
		}
		src := policy.Source{Name: "policy", Data: out}
		p, found := read.Parse([]policy.Source{src})
		if p != nil {
			_, found = compiler.Compile(p)
		}
		if found.Err() == nil {
			return out, nil
		}
		switch crowded := slices.IndexFunc(found, func(d policy.Diagnostic) bool { return d.Code == "K01" }); {
		case crowded < 0:
			err = s.settle(l, src, found)
		case !s.simplify(l):
			err = Unreadable{{Place: Place{File: s.File}, Msg: places.ReplaceAllString(found[crowded].Msg, ""), Hint: "make pools of consecutive addresses, or translate the file in two parts, for two gateways"}}
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the policy cannot be written: the language refuses it however much is left out; please report this as a bug of snatctl")
}

// Finish makes a result of a setup and its ledger, which are used up. The report's counts are of
// the policy that was written.
func (s *Setup) Finish(l *Ledger, dialect Dialect, by string) (*Result, error) {
	out, err := s.Write(l)
	if err != nil {
		return nil, err
	}
	r := &Result{Policy: out, Report: l.Close()}
	r.Report.Dialect, r.Report.By = dialect, by
	r.Report.Services, r.Report.Zones = len(s.Services), len(s.Zones)
	pools := make(map[*Pool]bool)
	for _, z := range s.Zones {
		pools[z.Pool] = true
	}
	for _, svc := range s.Services {
		pools[svc.Pool] = true
	}
	delete(pools, nil)
	r.Report.Pools = len(pools)
	return r, nil
}

// share makes equal pools one, and equal checks.
func (s *Setup) share() {
	pools, checks := make(map[string]*Pool), make(map[string]*Check)
	pool := func(p *Pool) *Pool {
		if p == nil {
			return nil
		}
		if pools[p.key()] == nil {
			pools[p.key()] = p
		}
		return pools[p.key()]
	}
	for _, z := range s.Zones {
		z.Pool = pool(z.Pool)
	}
	for _, svc := range s.Services {
		svc.Pool = pool(svc.Pool)
		if c := svc.Check; c != nil {
			if checks[c.key()] == nil {
				checks[c.key()] = c
			}
			svc.Check = checks[c.key()]
		}
	}
}

// places are those of the policy that is being written, which nobody has seen.
var places = regexp.MustCompile(` \(policy:[0-9:]+\)`)

// simplify has laddrs chosen by source, where they are one range: only such pools need no chain of
// their own. It tells whether that changed anything.
func (s *Setup) simplify(l *Ledger) (changed bool) {
	simple := func(p *Pool, by *policy.Select, o Origin) {
		if p == nil || *by == policy.SelectSource {
			return
		}
		*by, changed = policy.SelectSource, true
		l.Note(o.Place, "M046", o.Text, "")
	}
	for _, z := range s.Zones {
		simple(z.Pool, &z.Select, z.Origin)
	}
	for _, svc := range s.Services {
		simple(svc.Pool, &svc.Select, svc.Origin)
	}
	return changed
}

// settle leaves out what diagnostics are about.
func (s *Setup) settle(l *Ledger, src policy.Source, found policy.Diagnostics) error {
	root, diag := read.Document(src)
	if diag != nil {
		return fmt.Errorf("write a policy: %s", diag)
	}
	n, about := newNodes(root), make(map[any]string)
	for _, d := range found {
		if d.Severity != policy.Error {
			continue
		}
		who := s.at(n, d.Pos.Line)
		if who == nil && s.unroute(l, places.ReplaceAllString(d.Msg, "")) {
			return nil
		}
		if who == nil {
			return fmt.Errorf("write a policy: %s", d)
		}
		if about[who] == "" {
			about[who] = fmt.Sprintf("it is left out: %s [%s]", places.ReplaceAllString(d.Msg, ""), d.Code)
		}
	}
	s.Zones = slices.DeleteFunc(s.Zones, func(z *Zone) bool { return leave(l, about[z], z.Origin) })
	s.Services = slices.DeleteFunc(s.Services, func(svc *Service) bool {
		gone := func(r *Server) bool { return leave(l, about[r], r.Origin) }
		had := len(svc.Servers)
		svc.Servers, svc.Sorry = keep(svc.Servers, gone), keep(svc.Sorry, gone)
		if had > 0 && len(svc.Servers) == 0 && about[svc] == "" {
			l.Note(svc.Origin.Place, "M031", svc.Origin.Text, "")
			return true
		}
		return leave(l, about[svc], svc.Origin)
	})
	for _, svc := range s.Services {
		if c := svc.Check; c != nil && about[c] != "" {
			l.Note(c.Origin.Place, "M003", c.Origin.Text, about[c])
			svc.Check = nil
		}
	}
	s.drain(l, about)
	return nil
}

// drain leaves laddrs out. What has none any more refuses its connections, as one without laddrs
// did.
func (s *Setup) drain(l *Ledger, about map[any]string) {
	empty := func(p *Pool) bool {
		if p == nil {
			return false
		}
		had, origins, each := p.Laddrs, p.Origins, p.each()
		p.Laddrs = nil
		for i := range had {
			o := Origin{Text: had[i].Range.String()}
			if each {
				o = origins[i]
			} else if len(origins) > 0 {
				o.Place = origins[0].Place
			}
			if leave(l, about[&had[i]], o) {
				continue
			}
			if p.Laddrs = append(p.Laddrs, had[i]); each {
				p.Origins = append(p.Origins[:len(p.Laddrs)-1:len(p.Laddrs)-1], o)
			}
		}
		return len(p.Laddrs) == 0 || leave(l, about[p], Origin{Text: "pool " + p.Name})
	}
	for _, z := range s.Zones {
		if empty(z.Pool) {
			z.Pool, z.Action = nil, policy.Reject
		}
	}
	s.Services = slices.DeleteFunc(s.Services, func(svc *Service) bool {
		if !empty(svc.Pool) {
			return false
		}
		l.Note(svc.Origin.Place, "M003", svc.Origin.Text, "the service is left out: it has no laddrs any more")
		return true
	})
}

// leave reports what is left out, and tells whether it is.
func leave(l *Ledger, why string, o Origin) bool {
	if why == "" {
		return false
	}
	l.Note(o.Place, "M003", cmp.Or(o.Text, "what stands there"), why)
	return true
}

// keep returns the servers that are not gone.
func keep(servers []Server, gone func(*Server) bool) (out []Server) {
	for i := range servers {
		if !gone(&servers[i]) {
			out = append(out, servers[i])
		}
	}
	return out
}

// nodes are the sections of a written policy, to find objects by their lines.
type nodes struct{ pools, zones, services, checks *yaml.Node }

func newNodes(root *yaml.Node) nodes {
	return nodes{child(root, "laddrs"), child(root, "zones"), child(root, "services"), child(root, "health_checks")}
}

// child returns the value of a key; an empty node where there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return new(yaml.Node)
}

// last returns the last of some nodes that begins at a line or before it, by its number; -1 if none does.
func last(content []*yaml.Node, line int) int {
	i, exact := slices.BinarySearchFunc(content, line, func(n *yaml.Node, line int) int { return n.Line - line })
	if !exact {
		i--
	}
	return i
}

// at returns the smallest object of the setup that stands at a line of the policy: a *Zone, *Service,
// *Server, *Check, *Pool or *policy.Laddr. It is nil where none does.
func (s *Setup) at(n nodes, line int) any {
	if i := last(n.services.Content, line); i >= 0 {
		svc := s.Services[i]
		for key, servers := range map[string][]Server{"real_servers": svc.Servers, "sorry_servers": svc.Sorry} {
			list := child(n.services.Content[i], key).Content
			if j := last(list, line); j >= 0 && list[j].Line == line {
				return &servers[j]
			}
		}
		return svc
	}
	if i := last(n.checks.Content, line); i >= 0 {
		d := new(document)
		d.gather(s)
		return d.checks.items[i/2]
	}
	if i := last(n.zones.Content, line); i >= 0 {
		return s.Zones[i]
	}
	if i := last(n.pools.Content, line); i >= 0 {
		d := new(document)
		d.gather(s)
		list := n.pools.Content[i|1]
		if list.Kind == yaml.MappingNode {
			list = child(list, "addresses")
		}
		p := d.pools.items[i/2]
		if j := last(list.Content, line); j >= 0 && list.Content[j].Line == line && j < len(p.Laddrs) {
			return &p.Laddrs[j]
		}
		return p
	}
	return nil
}
