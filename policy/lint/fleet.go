package lint

import (
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// fleetRules are the rules about what nodes share and what each has of its own.
func fleetRules() []Rule {
	return []Rule{{
		Code: "F10", Severity: policy.Warning, check: lessThanNeeded,
		Title: "Without one node, a pool has fewer ports than it needs.",
		Why: "When a node fails, its connections come back through the others. If these have too few laddrs, the kernel drops the new connections " +
			"that find no port, and tells nobody. Give the nodes more laddrs, or correct `need`.",
	}, {
		Code: "F11", Severity: policy.Warning, check: turnsOnManyNodes,
		Title: "In active-active, a service chooses real servers in a way that differs from node to node.",
		Why: "Each node takes turns, draws and remembers clients on its own. A client whose connections come in through another node gets another " +
			"real server, also when a node fails or comes back. With `scheduler: mh` every node chooses the same real server for a client.",
	}, withdrawnRule(), {
		Code: "F13", Severity: policy.Info, check: slicesOfManyRoutes,
		Title: "The laddrs of a node are no prefix.",
		Why: "They are announced as prefixes, so a range that is none takes several routes. That works. A prefix is easier to read in a router's " +
			"table.",
	}, {
		Code: "F14", Severity: policy.Info, check: noTakeOver,
		Title: "Connections cannot survive on another node without synchronisation.",
		Why: "If another node gets the packets of a connection that it does not know, it translates them anew. Where laddr and port follow from the " +
			"source alone, it comes to the same result, and the connection goes on. With random ports, or a laddr that is chosen in another way than " +
			"by source, it does not, and the connection ends.",
	}}
}

func lessThanNeeded(r *run) {
	for i := range r.Laddrs {
		p := &r.Laddrs[i]
		if p.Need == 0 || len(p.Slices) == 0 {
			continue
		}
		for _, f := range inet.Families {
			if all, without := p.Capacity(f); all > 0 && without < p.Need {
				r.find(p.At("need"), "pool "+p.Name, "give the nodes more laddrs",
					"without the node that has most, %d connections to one destination are possible over %s, and %d are needed", without, f, p.Need)
			}
		}
	}
}

func turnsOnManyNodes(r *run) {
	if len(r.Nodes) < 2 || r.Fleet.Mode == policy.ActiveBackup {
		return
	}
	for i := range r.Services {
		s := &r.Services[i]
		switch {
		case s.Persistence.Timeout > 0:
			r.find(s.At("persistence"), "service "+s.Name, "write scheduler: mh, and no persistence", "each node remembers clients for itself, so a client that comes through another node gets another real server")
		case s.Scheduler != policy.Maglev && s.Scheduler != policy.SourceHash && len(s.RealServers) > 1:
			r.find(s.At("scheduler"), "service "+s.Name, "write scheduler: mh", "the scheduler is %s, so each node chooses real servers on its own", s.Scheduler)
		}
	}
}

func slicesOfManyRoutes(r *run) {
	for i := range r.Laddrs {
		p := &r.Laddrs[i]
		for _, s := range p.Slices {
			for _, l := range s.Laddrs {
				if n := len(l.Range.Prefixes()); n > 1 {
					r.find(l.Pos, "pool "+p.Name, "", "the laddrs %s of node %s are %d routes", l.Range, s.Node, n)
				}
			}
		}
	}
}

func noTakeOver(r *run) {
	if len(r.Nodes) < 2 {
		return
	}
	for i := range r.Laddrs {
		if p := &r.Laddrs[i]; p.Random {
			r.find(p.At("random"), "pool "+p.Name, "", "random ports differ from node to node, so connections need synchronisation to survive on another one")
		}
	}
	chosen := func(at policy.Pos, object string, s policy.Select) {
		switch s {
		case policy.SelectFlow, policy.SelectRandom, policy.SelectRoundRobin:
			r.find(at, object, "", "select: %s gives a connection another laddr on another node, so it needs synchronisation to survive there", s)
		}
	}
	for i := range r.Zones {
		chosen(r.Zones[i].At("select"), "zone "+r.Zones[i].Name, r.Zones[i].Select)
	}
	for i := range r.Services {
		if s := &r.Services[i]; s.Mode == policy.FullNAT {
			chosen(s.At("select"), "service "+s.Name, s.Select)
		}
	}
}
