package page

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/ct"
)

// Servers are the service's real servers, the worst first, then sorry servers that take their place, and
// what is no real server any more and has flows still.
func (s *Service) Servers() []*Server {
	out := make([]*Server, len(s.known.Servers))
	sums := map[bool]*shareSum{true: {}, false: {}} // by whether it is IPv4: each family takes turns of its own
	for i := range s.known.Servers {
		o := &s.known.Servers[i]
		sums[o.Address.Addr().Is4()].add(o, s.measured(o))
	}
	for i := range s.known.Servers {
		o := &s.known.Servers[i]
		out[i] = s.server(o, sums[o.Address.Addr().Is4()])
	}
	slices.SortStableFunc(out, func(a, b *Server) int { return cmp.Compare(b.Condition.Standing, a.Condition.Standing) })
	if s.seen == nil {
		return out
	}
	return append(out, s.others()...)
}

// server is a real server of the policy.
func (s *Service) server(o *agent.Server, sum *shareSum) *Server {
	r := &Server{Text: o.Text(), Condition: ofServer(o), Weight: o.Admin, Policy: o.Weight, Override: o.Override, Wanted: shareOf(float64(o.Share), sum.wanted)}
	if n := s.measured(o); n != nil {
		r.Load = Load{n.Flows, Rate{s.Load.Rate.Known, n.Rate.New, n.Rate.In + n.Rate.Out}}
		r.Got = shareOf(float64(n.Opened), sum.got)
	}
	return r
}

// others are those that have flows, or get connections, and are no real servers of the policy.
func (s *Service) others() (out []*Server) {
	for i := range s.seen.Servers {
		n := &s.seen.Servers[i]
		if at := netip.AddrPortFrom(n.Address, n.Port); s.known.Server(at) == nil {
			out = append(out, &Server{Text: textOf(n.ServerReport), Condition: Condition{Standing: Unchecked, Word: "sorry server"}, Foreign: true,
				Load: Load{n.Flows, Rate{s.Load.Rate.Known, n.Rate.New, n.Rate.In + n.Rate.Out}}})
		}
	}
	for i := range s.seen.Gone {
		g := &s.seen.Gone[i]
		out = append(out, &Server{Text: textOf(g), Condition: Condition{Standing: Unknown, Word: "not listed", Why: "it is no real server, and has flows"}, Load: Load{Flows: g.Flows}, Foreign: true})
	}
	return out
}

func textOf(r *ct.ServerReport) string {
	o := agent.Server{Address: netip.AddrPortFrom(r.Address, r.Port)}
	return o.Text()
}

// measured finds what is counted of a real server; nil if nothing is. Where the policy writes no port, the
// table may have the one that clients call.
func (s *Service) measured(o *agent.Server) *traffic.Server {
	if s.seen == nil {
		return nil
	}
	for i := range s.seen.Servers {
		n := &s.seen.Servers[i]
		if n.Address == o.Address.Addr() && (n.Port == o.Address.Port() || o.Address.Port() == 0) {
			return n
		}
	}
	return nil
}

// shareSum is what the real servers of a family have together.
type shareSum struct{ wanted, got float64 }

func (s *shareSum) add(o *agent.Server, n *traffic.Server) {
	s.wanted += float64(o.Share)
	if n != nil {
		s.got += float64(n.Opened)
	}
}

// shareOf is a part of a sum. Of nothing it is not known.
func shareOf(part, sum float64) Share {
	if sum == 0 {
		return Share{}
	}
	return Share{true, part / sum}
}
