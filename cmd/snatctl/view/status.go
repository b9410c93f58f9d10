package view

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// mostIdle is up to how many services, zones, or laddrs of one, are all listed. Of more only
// the services and zones that have flows are, and the mostBusy laddrs with the most ports in use.
const (
	mostIdle = 200
	mostBusy = 20
)

// Status prints what `ipvsadm -Ln --stats` would show, and the same for zones. Of long lists it
// leaves out what has no flows, unless all is asked for.
//
// What an agent knows stands first, and beside each real server.
func Status(out *plain.Writer, p gateway.Survey, k *report.Kept, all bool) error {
	w := bufio.NewWriter(out)
	printKept(w, k, p)
	idle := 0
	for i := range p.Services {
		s := &p.Services[i]
		if !all && len(p.Services) > mostIdle && s.Flows == 0 {
			idle++
			continue
		}
		printService(w, s, k, all)
	}
	printIdle(w, idle, "service")
	idle = 0
	for i := range p.Zones {
		z := &p.Zones[i]
		if !all && len(p.Zones) > mostIdle && z.Flows == 0 {
			idle++
			continue
		}
		fmt.Fprintf(w, "zone %s: %s; %s, %s\n", plain.Text(z.Name), z.Action, countMany(z.Flows, "flow"), countMany(z.New, "new connection"))
		printLimits(w, z.Limits)
		printLaddrs(w, z.Laddrs, all)
	}
	printIdle(w, idle, "zone")
	printConntrack(w, p)
	if p.Uncounted {
		fmt.Fprintln(w, "bytes are not counted: net.netfilter.nf_conntrack_acct is 0 (apply sets it, unless the policy says gateway: {sysctls: false})")
	}
	for _, pr := range p.Problems() {
		fmt.Fprintln(w, paintSeverity(pr.Severity, problem(pr)))
	}
	return w.Flush()
}

func printIdle(w io.Writer, n int, kind string) {
	if n > 0 {
		fmt.Fprintf(w, "and %s without flows (--all lists them)\n", plain.Count(n, "more "+kind))
	}
}

func printConntrack(w io.Writer, p gateway.Survey) {
	c, t := p.Conntrack, p.Totals
	share := ""
	if c.Max > 0 {
		share = fmt.Sprintf(" of %s (%s)", comma(c.Max), percent(c.Entries, c.Max))
	}
	zoned := ""
	if t.Zoned > 0 {
		zoned = fmt.Sprintf("; of these %s in conntrack zones, which another table sets: apply never ends them", comma(t.Zoned))
	}
	fmt.Fprintf(w, "conntrack: %s%s entries: %s of this policy, %s no longer in policy, %s nobody's%s; %s\n",
		comma(c.Entries), share, comma(t.Owned), comma(t.Past), comma(t.Nobodys), zoned, refused(p))
}

func printService(w io.Writer, s *ct.ServiceReport, k *report.Kept, all bool) {
	how := s.Mode
	if s.Scheduler != "" {
		how += ", " + s.Scheduler
	}
	fmt.Fprintf(w, "service %s: %s at %s; %s, %s\n", plain.Text(s.Name), how, s.Called(),
		countMany(s.Flows, "flow"), countMany(s.New, "new connection"))
	t := grid{titles: []string{"real server", "weight", "share", "new", "of new", "flows", "live bytes in", "live bytes out"}}
	if k != nil {
		t.titles = append(t.titles, titleHealth)
	}
	weights, news := sums(s.Servers)
	for i := range s.Servers {
		rs := &s.Servers[i]
		f := familyOf(rs.Address)
		known := k.Server(s.Name, netip.AddrPortFrom(rs.Address, rs.Port))
		admin := adminWeight(rs, known)
		weight := fmt.Sprint(admin)
		switch {
		case rs.Down:
			weight += " down"
		case admin == 0:
			weight += " drains"
		}
		got, share := comma(rs.New), percent(rs.New, news[f])
		if s.Uncounted {
			got, share = "not counted", ""
		}
		cells := []string{endpoint(rs), weight, percent(takes(rs), weights[f]), got, share, comma(rs.Flows), size(rs.BytesIn), size(rs.BytesOut)}
		if known != nil {
			cells = append(cells, condition(known))
		} else if k != nil {
			cells = append(cells, "")
		}
		t.add(cells...)
	}
	for i := range s.Gone {
		rs := &s.Gone[i]
		cells := []string{endpoint(rs), "not listed", "", "", "", comma(rs.Flows), size(rs.BytesIn), size(rs.BytesOut)}
		if k != nil {
			cells = append(cells, "")
		}
		t.add(cells...)
	}
	t.write(w)
	printLimits(w, s.Limits)
	printTold(w, s.Told)
	printLaddrs(w, s.Laddrs, all)
}

// printLimits prints what bounds a service or zone, and what that has refused.
func printLimits(w io.Writer, limits []ct.Limit) {
	t := grid{titles: []string{"limit", "at most", "beyond", "refused"}}
	for _, l := range limits {
		t.add(l.Key, l.Bound, l.Action, comma(l.Refused))
	}
	t.write(w)
}

// printTold prints how many packets told real servers who calls.
func printTold(w io.Writer, c *ct.Told) {
	if c == nil {
		return
	}
	t := grid{titles: []string{"client address", "SYNs", "first packets", "no room", "too large", "failed"}}
	t.add("toa", comma(c.SYN), comma(c.First), comma(c.NoRoom), comma(c.TooLarge), comma(c.Failed))
	t.write(w)
}

// adminWeight is the weight that the policy, or an operator, gives a real server. Without an agent only the
// table tells: there all are 0 while a service is closed, and shares of slow start, lc and wlc are of the moment.
func adminWeight(rs *ct.ServerReport, known *agent.Server) int {
	if known != nil {
		return known.Admin
	}
	return rs.Weight
}

// takes returns the weight by which a real server gets new connections.
func takes(rs *ct.ServerReport) uint64 {
	if rs.Down {
		return 0
	}
	return uint64(rs.Weight)
}

// sums adds up weights and new connections by family: each takes turns of its own.
func sums(servers []ct.ServerReport) (weights, news [2]uint64) {
	for i := range servers {
		f := familyOf(servers[i].Address)
		weights[f] += takes(&servers[i])
		news[f] += servers[i].New
	}
	return weights, news
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

func printLaddrs(w io.Writer, laddrs []ct.LaddrReport, all bool) {
	hidden := 0
	if !all && len(laddrs) > mostIdle {
		hidden = len(laddrs) - mostBusy
		laddrs = busiest(laddrs)
	}
	t := grid{titles: []string{"laddr", "flows", titleBusiest, "ports in use there"}}
	for i := range laddrs {
		l := &laddrs[i]
		ports := ""
		switch {
		case l.Ports > 0 && l.Capacity > 0:
			ports = fmt.Sprintf("%s of %s (%s)", comma(uint64(l.Ports)), comma(uint64(l.Capacity)), percent(uint64(l.Ports), uint64(l.Capacity)))
		case l.Ports > 0:
			ports = comma(uint64(l.Ports))
		}
		t.add(l.Address.String(), comma(l.Flows), l.Busiest.String(), ports)
	}
	t.paint = func(row int, cell string) string { return paintSeverity(laddrs[row].Severity(), cell) }
	t.write(w)
	if hidden > 0 {
		fmt.Fprintf(w, "  and %s, none busier (--all lists them)\n", plain.Count(hidden, "more laddr"))
	}
}

// busiest returns the laddrs with the most ports in use, as many as are listed of a long list,
// by address.
func busiest(laddrs []ct.LaddrReport) []ct.LaddrReport {
	laddrs = slices.Clone(laddrs)
	slices.SortStableFunc(laddrs, func(a, b ct.LaddrReport) int { return cmp.Compare(b.Ports, a.Ports) })
	laddrs = laddrs[:mostBusy]
	slices.SortFunc(laddrs, func(a, b ct.LaddrReport) int { return a.Address.Compare(b.Address) })
	return laddrs
}

func endpoint(rs *ct.ServerReport) string {
	return endpointText(netip.AddrPortFrom(rs.Address, rs.Port))
}
