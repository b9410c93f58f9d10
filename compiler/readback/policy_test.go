package readback_test

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// What the table tells is what the policy says, for every policy that is here for others.
func TestBindingsSayWhatThePolicySays(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../testdata/valid/*.yaml", "../../examples/*.yaml", "../../integration/testdata/*.yaml", "../testdata/compile/*.txtar", "../tell/testdata/*.txtar"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range policiesIn(file, string(data)) {
			p, _ := read.Parse([]policy.Source{{Name: file, Data: []byte(text)}})
			if p == nil {
				continue
			}
			if p.Everywhere() {
				p, _ = p.At(p.Nodes[0].Name)
			}
			for _, p := range []*policy.Policy{p, p.With(everyOtherDown(p))} {
				r, _ := compiler.Compile(p)
				if r == nil {
					continue
				}
				if diff := gocmp.Diff(saying(p), readback.Bindings(r), cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
					t.Errorf("%s, policy %d: the policy says (-), its table (+):\n%s", file, i, diff)
				}
			}
		}
	}
}

// everyOtherDown is the state in which every other real server is down.
func everyOtherDown(p *policy.Policy) policy.State {
	state := policy.State{Services: make(map[string]policy.ServiceState)}
	for i := range p.Services {
		st := policy.ServiceState{Servers: make(map[netip.AddrPort]policy.ServerState)}
		for n, rs := range p.Services[i].RealServers {
			st.Servers[rs.Key()] = policy.ServerState{Weight: rs.Weight, Down: n%2 == 0}
		}
		state.Services[p.Services[i].Name] = st
	}
	return state
}

// policiesIn returns the policies of a file: itself, or those of an archive.
func policiesIn(file, text string) []string {
	if !strings.HasSuffix(file, ".txtar") {
		return []string{text}
	}
	var out []string
	for _, part := range strings.Split(text, "\n-- ")[1:] {
		if name, body, ok := strings.Cut(part, " --\n"); ok && strings.HasSuffix(name, ".yaml") {
			out = append(out, body+"\n")
		}
	}
	return out
}

// saying puts together what a policy says, without its table.
func saying(p *policy.Policy) ct.Bindings {
	var b ct.Bindings
	for i := range p.Services {
		b.Services = append(b.Services, serviceSays(p, &p.Services[i]))
	}
	slices.SortFunc(b.Services, func(a, c ct.Service) int { return strings.Compare(a.Name, c.Name) })
	lists := make([][]inet.Range, len(p.Zones))
	for i, z := range p.Zones {
		if !z.Conditional() {
			lists[i] = z.From
		}
	}
	var plain []ct.Zone
	owned := inet.Flatten(lists)
	for i := range p.Zones {
		z := &p.Zones[i]
		var mine, before []inet.Range
		for _, o := range owned {
			if o.Owner == i {
				mine = append(mine, o.Range)
			} else if o.Owner < i {
				before = append(before, o.Range)
			}
		}
		switch {
		case z.Conditional() && len(z.OIf) > 0 && len(p.Gateway.Uplinks) > 0:
			b.Zones = append(b.Zones, zoneSays(p, z, inet.Merge(z.From)))
		case z.Conditional():
			b.Zones = append(b.Zones, zoneSays(p, z, inet.Subtract(z.From, before)))
		case len(mine) > 0:
			plain = append(plain, zoneSays(p, z, inet.Merge(mine)))
		}
	}
	slices.SortFunc(plain, func(a, c ct.Zone) int { return strings.Compare(a.Name, c.Name) })
	b.Zones = append(b.Zones, plain...)
	return b
}

func serviceSays(p *policy.Policy, s *policy.Service) ct.Service {
	out := ct.Service{Name: s.Name, Mode: string(s.Mode), Limits: limitsSay(&s.Limits)}
	var families []inet.Family
	for _, f := range inet.Families {
		if !s.Called(f) {
			continue
		}
		if s.ByMark() {
			out.Fronts = append(out.Fronts, ct.MarkFront(f, s.Mark))
		}
		families = append(families, f)
		guarded := len(s.Allow) > 0 || len(s.Deny) > 0
		nobody := len(s.Allow) > 0 && len(inet.Subtract(inet.Of(f, s.Allow), s.Deny)) == 0
		switch active := len(s.Active(f)); {
		case active == 0 && !(guarded && nobody):
			out.OnEmpty = string(s.OnEmpty)
		case nobody:
		case active == 1 && !hasLane(s, f):
			out.Scheduler = cmp.Or(out.Scheduler, "rr")
		default:
			out.Scheduler = strings.NewReplacer("wlc", "wrr", "lc", "wrr").Replace(string(s.Scheduler))
		}
	}
	for _, vip := range s.VIP {
		for _, pp := range s.Ports {
			for _, left := range leftOf(p, s, vip, pp) {
				out.Fronts = append(out.Fronts, ct.Front{VIP: vip, Ports: inet.ProtoPorts{Proto: pp.Proto, Ports: left}})
			}
		}
	}
	tcp := func(f ct.Front) bool { return f.Ports.Proto == inet.TCP && len(s.Active(inet.FamilyOf(f.VIP))) > 0 }
	out.SynProxy = s.SynProxy.On && slices.ContainsFunc(out.Fronts, tcp)
	slices.SortFunc(out.Fronts, readback.CompareFronts)
	for _, rs := range s.RealServers {
		if slices.Contains(families, inet.FamilyOf(rs.Addr)) {
			called := !s.ByMark() && !slices.ContainsFunc(s.Ports, func(p inet.ProtoPorts) bool { return !p.Ports.Single() || p.Ports.First != rs.Port })
			if called {
				rs.Port = 0
			}
			out.Servers = append(out.Servers, ct.Server{Addr: rs.Addr, Port: rs.Port, Weight: rs.Weight, Down: rs.Down})
		}
	}
	slices.SortFunc(out.Servers, func(a, b ct.Server) int { return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Port, b.Port)) })
	if s.Mode == policy.NAT {
		for _, f := range families {
			out.Hairpin = inet.Merge(append(out.Hairpin, s.Hairpins(f)...))
		}
	}
	if s.Mode == policy.FullNAT {
		out.Pools = poolSays(s.Laddrs, families)
	}
	return out
}

// hasLane tells whether a service keeps its turns, and their name, with a single real server.
func hasLane(s *policy.Service, f inet.Family) bool {
	listed := 0
	for _, rs := range s.RealServers {
		if inet.FamilyOf(rs.Addr) == f {
			listed++
		}
	}
	hashes := []policy.Scheduler{policy.Random, policy.SourceHash, policy.DestinationHash, policy.Maglev}
	return listed > 1 && !slices.Contains(hashes, s.Scheduler)
}

// leftOf returns what of a range of ports a service holds in the map of ranges, where those of
// others with more precise ports stand in it, too.
func leftOf(p *policy.Policy, s *policy.Service, vip netip.Addr, pp inet.ProtoPorts) []inet.PortRange {
	left := []inet.PortRange{pp.Ports}
	for i := range p.Services {
		o := &p.Services[i]
		if !inRanges(s) || !inRanges(o) || !slices.Contains(o.VIP, vip) {
			continue
		}
		for _, other := range o.Ports {
			if other.Proto == pp.Proto && precision(other.Ports) > precision(pp.Ports) {
				var rest []inet.PortRange
				for _, l := range left {
					rest = append(rest, without(l, other.Ports)...)
				}
				left = rest
			}
		}
	}
	return left
}

// inRanges tells whether a service stands in the map of ranges: not all of its ports are exact,
// nor all of them any.
func inRanges(s *policy.Service) bool {
	return slices.ContainsFunc(s.Ports, func(p inet.ProtoPorts) bool { return !p.Ports.Single() }) &&
		slices.ContainsFunc(s.Ports, func(p inet.ProtoPorts) bool { return p.Ports != inet.AnyPort })
}

// precision orders ports by what wins: an exact port over a range, a range over any.
func precision(r inet.PortRange) int {
	switch {
	case r.Single():
		return 2
	case r == inet.AnyPort:
		return 0
	}
	return 1
}

// without returns what of a range lies outside of another.
func without(a, b inet.PortRange) (out []inet.PortRange) {
	if !a.Overlaps(b) {
		return []inet.PortRange{a}
	}
	if a.First < b.First {
		out = append(out, inet.PortRange{First: a.First, Last: b.First - 1})
	}
	if b.Last < a.Last {
		out = append(out, inet.PortRange{First: b.Last + 1, Last: a.Last})
	}
	return out
}

// poolSays returns a pool as far as some families have addresses for new connections in it.
func poolSays(p *policy.Pool, families []inet.Family) []ct.Pool {
	out := ct.Pool{Name: p.Name, Ports: p.Ports, Block: p.Block}
	for _, l := range p.Laddrs {
		if f := l.Range.Family(); slices.Contains(families, f) && len(p.Ranges(f)) > 0 {
			out.Laddrs = append(out.Laddrs, l.Range)
		}
	}
	out.Laddrs = inet.Merge(out.Laddrs)
	return []ct.Pool{out}
}

// limitsSay lists limits in the order in which they are asked.
func limitsSay(l *policy.Limits) (out []ct.Limit) {
	masks := ""
	if l.Mask4 < 32 {
		masks += fmt.Sprintf(" /%d", l.Mask4)
	}
	if l.Mask6 < 128 {
		masks += fmt.Sprintf(" /%d", l.Mask6)
	}
	if l.New.Count > 0 {
		out = append(out, ct.Limit{Key: "new_per_client", Bound: fmt.Sprintf("%s burst %d%s", l.New, l.Burst, masks), Action: string(l.Action)})
	}
	if l.PerClient > 0 {
		out = append(out, ct.Limit{Key: "connections_per_client", Bound: fmt.Sprintf("%d%s", l.PerClient, masks), Action: string(l.Action)})
	}
	if l.Connections > 0 {
		out = append(out, ct.Limit{Key: "connections", Bound: fmt.Sprint(l.Connections), Action: string(l.Action)})
	}
	return out
}

func zoneSays(p *policy.Policy, z *policy.Zone, sources []inet.Range) ct.Zone {
	out := ct.Zone{Name: z.Name, Action: string(z.Action), Sources: sources, To: inet.Merge(z.To), Ports: slices.Clone(z.Ports),
		OIf: slices.Compact(slices.Sorted(slices.Values(z.OIf))), IIf: len(z.IIf) > 0, Limits: limitsSay(&z.Limits)}
	slices.SortFunc(out.Ports, func(a, b inet.ProtoPorts) int {
		at := func(p inet.ProtoPorts) int {
			return slices.Index([]inet.Proto{inet.TCP, inet.UDP, inet.SCTP, inet.ICMP, inet.ICMPv6}, p.Proto)
		}
		return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a.Ports.First, b.Ports.First))
	})
	var families []inet.Family
	for _, f := range inet.Families {
		if len(inet.Of(f, sources)) > 0 {
			families = append(families, f)
		}
	}
	if z.Conditional() || slices.ContainsFunc(families, func(f inet.Family) bool { return len(inet.Of(f, z.Exclude)) > 0 }) {
		out.Exclude = inet.Merge(z.Exclude)
	}
	switch {
	case z.Map.Family() != 0:
		out.Action = "map"
		out.Maps = []ct.Map{{Inside: inet.Merge(z.From)[0], Outside: z.Map}}
	case z.Laddrs != nil && z.Laddrs.Block > 0:
		out.Pools = blocksSay(p, z, sources)
	case z.Laddrs != nil:
		out.Pools = poolSays(z.Laddrs, families)
	case z.UplinkLaddrs != nil:
		out.Pools, out.Through = poolsSay(z, families), throughsSay(p, z, families)
	}
	return out
}

// throughsSay returns the laddrs of a zone by the interface of the uplink that they are for, in the order of the
// uplinks' names.
func throughsSay(p *policy.Policy, z *policy.Zone, families []inet.Family) (out []ct.Through) {
	list := slices.Clone(z.UplinkLaddrs)
	slices.SortFunc(list, func(a, b policy.UplinkLaddrs) int { return strings.Compare(a.Uplink, b.Uplink) })
	for _, l := range list {
		if l.Laddrs == nil {
			continue
		}
		if said := poolSays(l.Laddrs, families)[0]; len(said.Laddrs) > 0 {
			out = append(out, ct.Through{OIf: p.Gateway.Uplink(l.Uplink).Interface, Laddrs: said.Laddrs})
		}
	}
	return out
}

// poolsSay returns the pools of a zone with laddrs per uplink; those written in line count as one.
func poolsSay(z *policy.Zone, families []inet.Family) (out []ct.Pool) {
	for _, p := range z.Pools() {
		said := poolSays(p, families)[0]
		if i := slices.IndexFunc(out, func(o ct.Pool) bool { return o.Name == said.Name }); i >= 0 {
			out[i].Laddrs = inet.Merge(append(out[i].Laddrs, said.Laddrs...))
		} else if len(said.Laddrs) > 0 {
			out = append(out, said)
		}
	}
	slices.SortFunc(out, func(a, b ct.Pool) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// blocksSay returns those laddrs and ports of a pool that are some source's.
func blocksSay(p *policy.Policy, z *policy.Zone, sources []inet.Range) []ct.Pool {
	out := ct.Pool{Name: z.Laddrs.Name, Block: z.Laddrs.Block}
	for _, r := range sources {
		for a := r.From; ; a = a.Next() {
			laddr, ports, ok := policy.BlockOf(z.Laddrs, p.Zones, a)
			if !ok {
				panic("validation lets no source be without a block")
			}
			out.Laddrs = append(out.Laddrs, inet.AddrRange(laddr))
			if out.Ports.IsZero() {
				out.Ports = ports
			}
			out.Ports = inet.PortRange{First: min(out.Ports.First, ports.First), Last: max(out.Ports.Last, ports.Last)}
			if a == r.To {
				break
			}
		}
	}
	out.Laddrs = inet.Merge(out.Laddrs)
	return []ct.Pool{out}
}
