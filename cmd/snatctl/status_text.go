package main

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/snatctl/snatctl/ct"
)

// mostIdle is up to how many services, or zones, are all listed; of more only those that
// have flows.
const mostIdle = 200

// printStatusText prints what `ipvsadm -Ln --stats` would show, and the same for zones.
func printStatusText(out io.Writer, p picture, all bool, paint paintFunc) error {
	w := bufio.NewWriter(out)
	idle := 0
	for i := range p.Services {
		s := &p.Services[i]
		if !all && len(p.Services) > mostIdle && s.Flows == 0 {
			idle++
			continue
		}
		printService(w, s, paint)
	}
	printIdle(w, idle, "service")
	idle = 0
	for i := range p.Zones {
		z := &p.Zones[i]
		if !all && len(p.Zones) > mostIdle && z.Flows == 0 {
			idle++
			continue
		}
		fmt.Fprintf(w, "zone %s: %s; %s, %s\n", z.Name, z.Action, count64(z.Flows, "flow"), count64(z.New, "new connection"))
		printLaddrs(w, z.Laddrs, paint)
	}
	printIdle(w, idle, "zone")
	printConntrack(w, p)
	if p.uncounted {
		fmt.Fprintln(w, "bytes are not counted: net.netfilter.nf_conntrack_acct is 0 (apply sets it, unless the policy says gateway: {sysctls: false})")
	}
	for _, pr := range p.Problems() {
		fmt.Fprintln(w, paint(pr.Severity, pr.Severity.String()+": "+pr.Object+": "+pr.Text))
	}
	return w.Flush()
}

func printIdle(w io.Writer, n int, kind string) {
	if n > 0 {
		fmt.Fprintf(w, "and %s without flows (--all lists them)\n", count(n, "more "+kind))
	}
}

func printConntrack(w io.Writer, p picture) {
	c, t := p.Conntrack, p.Totals
	share := ""
	if c.Max > 0 {
		share = fmt.Sprintf(" of %s (%s)", comma(c.Max), percent(c.Entries, c.Max))
	}
	fmt.Fprintf(w, "conntrack: %s%s entries: %s of this policy, %s no longer in policy, %s nobody's; %s\n",
		comma(c.Entries), share, comma(t.Owned), comma(t.Past), comma(t.Nobodys), refused(p.stats))
}

func printService(w io.Writer, s *ct.ServiceReport, paint paintFunc) {
	how := s.Mode
	if s.Scheduler != "" {
		how += ", " + s.Scheduler
	}
	fmt.Fprintf(w, "service %s: %s at %s %s; %s, %s\n", s.Name, how, strings.Join(s.VIP, " "), strings.Join(s.Ports, " "),
		count64(s.Flows, "flow"), count64(s.New, "new connection"))
	t := columns("real server", "weight", "share", "new", "of new", "flows", "live bytes in", "live bytes out")
	weights, news := sums(s.Servers)
	for i := range s.Servers {
		rs := &s.Servers[i]
		f := families(rs.Address)
		weight := fmt.Sprint(rs.Weight)
		if rs.Weight == 0 {
			weight = "0 drains"
		}
		got, share := comma(rs.New), percent(rs.New, news[f])
		if s.Uncounted {
			got, share = "not counted", ""
		}
		t.AppendRow(table.Row{endpoint(rs), weight, percent(uint64(rs.Weight), weights[f]), got, share,
			comma(rs.Flows), size(rs.BytesIn), size(rs.BytesOut)})
	}
	for i := range s.Gone {
		rs := &s.Gone[i]
		t.AppendRow(table.Row{endpoint(rs), "not listed", "", "", "", comma(rs.Flows), size(rs.BytesIn), size(rs.BytesOut)})
	}
	render(w, t)
	printLaddrs(w, s.Laddrs, paint)
}

// sums adds up weights and new connections by family: each takes turns of its own.
func sums(servers []ct.ServerReport) (weights, news [2]uint64) {
	for i := range servers {
		f := families(servers[i].Address)
		weights[f] += uint64(servers[i].Weight)
		news[f] += servers[i].New
	}
	return weights, news
}

func families(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

func printLaddrs(w io.Writer, laddrs []ct.LaddrReport, paint paintFunc) {
	t := columns("laddr", "flows", "busiest destination", "ports in use there")
	for i := range laddrs {
		l := &laddrs[i]
		ports := ""
		switch {
		case l.Ports > 0 && l.Capacity > 0:
			ports = fmt.Sprintf("%s of %s (%s)", comma(uint64(l.Ports)), comma(uint64(l.Capacity)), percent(uint64(l.Ports), uint64(l.Capacity)))
			ports = paint(l.Severity(), ports)
		case l.Ports > 0:
			ports = comma(uint64(l.Ports))
		}
		t.AppendRow(table.Row{l.Address, comma(l.Flows), l.Busiest.String(), ports})
	}
	render(w, t)
}

// Columns are at least as wide as this, so that those of most services stand below each other.
const (
	wide   = 22
	narrow = 11
)

// columns returns a table without lines, as ipvsadm prints; the first column to the left,
// numbers to the right.
func columns(names ...string) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.Style{Box: table.StyleBoxDefault, Options: table.OptionsNoBordersAndSeparators, Format: table.FormatOptions{Header: text.FormatDefault}})
	t.Style().Box.PaddingLeft, t.Style().Box.PaddingRight = "  ", ""
	header := make(table.Row, len(names))
	configs := make([]table.ColumnConfig, len(names))
	for i, n := range names {
		header[i] = n
		c := table.ColumnConfig{Number: i + 1, WidthMin: narrow, Align: text.AlignRight, AlignHeader: text.AlignRight}
		if i == 0 || n == "busiest destination" {
			c = table.ColumnConfig{Number: i + 1, WidthMin: wide}
		}
		configs[i] = c
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	return t
}

// render prints a table that has rows.
func render(w io.Writer, t table.Writer) {
	if t.Length() == 0 {
		return
	}
	for line := range strings.Lines(t.Render()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}

func endpoint(rs *ct.ServerReport) string {
	if rs.Port == 0 {
		return rs.Address.String()
	}
	return netip.AddrPortFrom(rs.Address, rs.Port).String()
}

func comma(n uint64) string { return humanize.Comma(int64(n)) }

func size(n uint64) string { return humanize.IBytes(n) }

func count64(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return comma(n) + " " + noun + "s"
}

func percent(n, of uint64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(of))
}

type paintFunc func(ct.Severity, string) string

// warner returns a function that colours what is wrong, where there are colours.
func warner(w io.Writer) paintFunc {
	colours := map[ct.Severity]string{ct.Warning: "33", ct.Critical: "31"}
	if !colourful(w) {
		colours = nil
	}
	return func(severity ct.Severity, s string) string {
		if c := colours[severity]; c != "" {
			return "\x1b[" + c + "m" + s + "\x1b[0m"
		}
		return s
	}
}
