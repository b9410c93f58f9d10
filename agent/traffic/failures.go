package traffic

import "github.com/snatctl/snatctl/gateway"

// ports finds out how many connections got no port. Nothing tells: the kernel takes the last port that
// it tried, finds when the packet leaves that it is in use, and drops the packet (nf_conntrack_core.c,
// __nf_conntrack_confirm). By then the zone's element has counted the connection, no event tells of one,
// and insert_failed has gone up. So what failed is what elements counted, less the flows that began.
//
// Elements are read before the flows are listed. So connections that begin meanwhile make the
// difference too small for the moment, and never too large: its greatest value so far is what is known
// to have failed. It is never more than conntrack failed to enter, since two packets of one connection
// that race each other count as two, too.
type ports struct {
	known   bool              // what follows has a beginning
	refused uint64            // by conntrack, at the reading before
	counted map[string]uint64 // by the elements of a zone, at the reading before
	pools   map[string]*allocations
}

// allocations are those of a pool.
type allocations struct {
	failed      uint64 // for certain
	floor       uint64 // the same, when the sums began
	seen, begun uint64 // connections that elements counted, and flows that began
	refused     uint64 // by conntrack, when the sums began, whoever's they were
}

// step is what has happened to a pool since the reading before.
type step struct {
	seen, begun uint64
	anew        bool // an element has been made anew: it is not known what it had counted
}

// failures returns how many connections got no port so far, by pool.
func (p *ports) failures(a *gateway.Accounted, m *motion) map[string]uint64 {
	refused := a.Stats.InsertFailed
	sure := p.known && m.over > 0 && refused >= p.refused // the kernel counts in 32 bits
	out, pools := make(map[string]uint64), make(map[string]*allocations)
	for name, step := range p.steps(a, m) {
		pool := p.pools[name]
		if pool == nil {
			pool, step.anew = new(allocations), true
		}
		if step.anew || !sure {
			pool.begin(refused)
		} else {
			pool.add(step, refused, refused == p.refused)
		}
		pools[name], out[name] = pool, pool.failed
	}
	p.known, p.refused, p.pools = true, refused, pools
	return out
}

// steps returns what has happened to the pools of zones.
func (p *ports) steps(a *gateway.Accounted, m *motion) map[string]step {
	counted := make(map[string]uint64, len(a.Zones))
	for i := range a.Zones {
		counted[a.Zones[i].Name] = a.Zones[i].New
	}
	out := make(map[string]step)
	for i := range a.Picture.Bindings.Zones {
		z := &a.Picture.Bindings.Zones[i]
		if !translates(z) {
			continue
		}
		pool := poolOf(z.Pools, "zone "+z.Name)
		s := out[pool]
		was, known := p.counted[z.Name]
		switch now := counted[z.Name]; {
		case !known: // a zone that has just come
		case now < was:
			s.anew = true
		default:
			s.seen, s.begun = s.seen+now-was, s.begun+m.begun[z.Name]
		}
		out[pool] = s
	}
	p.counted = counted
	return out
}

// begin counts from here on.
func (p *allocations) begin(refused uint64) {
	p.floor, p.seen, p.begun, p.refused = p.failed, 0, 0, refused
}

// add adds a step. After one in which nothing happened at all the sums begin anew: what elements did not
// count although it belongs to their zone would hide failures for ever.
func (p *allocations) add(s step, refused uint64, quiet bool) {
	if quiet && s.seen == 0 && s.begun == 0 {
		p.begin(refused)
		return
	}
	p.seen, p.begun = p.seen+s.seen, p.begun+s.begun
	if p.seen > p.begun {
		p.failed = max(p.failed, p.floor+min(p.seen-p.begun, refused-p.refused))
	}
}
