package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/snatctl/snatctl/internal/lab"
)

// sheet is a table: contenders by the size of the job.
type sheet struct {
	part, measure string
	title         string
	size          string // what columns count: services or zones
	format        func(float64) string
}

var sheets = []sheet{
	{"services", "load", "Services with 4 real servers, from nothing: time until they work", "services", seconds},
	{"services", "load CPU", "Processor time of the same", "services", seconds},
	{"services", "change", "One real server of one service is replaced", "services", seconds},
	{"services", "udp spread", "New UDP flows a second, over all services", "services", perSecond},
	{"services", "udp last", "New UDP flows a second, to the service that comes last", "services", perSecond},
	{"services", "udp last CPU", "Processor time for each of these", "services", seconds},
	{"tcp", "tcp spread", "New TCP connections a second, over all services", "services", perSecond},
	{"tcp", "tcp last", "New TCP connections a second, to the service that comes last", "services", perSecond},
	{"tcp", "tcp last CPU", "Processor time for each of these", "services", seconds},
	{"tcp", "stream", "One established connection", "services", bits},
	{"zones", "load", "Zones with 4 laddrs, from nothing: time until they work", "zones", seconds},
	{"zones", "udp spread", "New UDP flows a second, from all zones", "zones", perSecond},
	{"zones", "udp last", "New UDP flows a second, from the zone that comes last", "zones", perSecond},
	{"zones", "udp last CPU", "Processor time for each of these", "zones", seconds},
	{"zones", "tcp spread", "New TCP connections a second, from all zones", "zones", perSecond},
	{"zones", "tcp last", "New TCP connections a second, from the zone that comes last", "zones", perSecond},
	{"zones", "tcp last CPU", "Processor time for each of these", "zones", seconds},
	{"ipvs", "load", "Beside IPVS, in a virtual machine: services from nothing", "services", seconds},
	{"ipvs", "change", "Beside IPVS: one real server is replaced", "services", seconds},
	{"ipvs", "udp spread", "Beside IPVS: new UDP flows a second, over all services", "services", perSecond},
	{"ipvs", "udp spread CPU", "Beside IPVS: processor time for each of these", "services", seconds},
	{"ipvs", "tcp spread", "Beside IPVS: new TCP connections a second, over all services", "services", perSecond},
}

// writer lays the table out; nil where there is nothing to show.
func (s sheet) writer(r run) table.Writer {
	sizes, names := s.reach(r)
	if len(sizes) == 0 {
		return nil
	}
	t := table.NewWriter()
	t.Style().Format.Header = text.FormatDefault
	head := table.Row{s.size}
	for _, n := range sizes {
		head = append(head, n)
	}
	t.AppendHeader(head)
	for _, name := range names {
		line := table.Row{name}
		for _, n := range sizes {
			line = append(line, s.cell(r, name, n))
		}
		t.AppendRow(line)
	}
	return t
}

// reach returns the sizes and contenders that have values.
func (s sheet) reach(r run) (sizes []int, names []string) {
	for _, x := range r.Results {
		if x.Measure != s.measure {
			continue
		}
		if !slices.Contains(sizes, x.Size) {
			sizes = append(sizes, x.Size)
		}
	}
	for _, c := range all("") {
		if slices.ContainsFunc(r.Results, func(x result) bool {
			return x.Contender == c.name && (x.Measure == s.measure || x.Why != "" && slices.Contains(sizes, x.Size))
		}) {
			names = append(names, c.name)
		}
	}
	slices.Sort(sizes)
	return sizes, names
}

// cell is a median, and how many times snatctl's that is.
func (s sheet) cell(r run, name string, size int) string {
	v, why := r.find(name, s.measure, size)
	switch {
	case v == nil && why != "" && s.measure != "load":
		return "–" // the first table says why
	case v == nil:
		return why
	}
	out := s.format(v.Median())
	base, _ := r.find(ours, s.measure, size)
	if name == ours || base == nil {
		return out
	}
	return fmt.Sprintf("%s (%s)", out, times(ratio(v, base)))
}

// ratio is the median of the rounds' own ratios. Contenders that need long have fewer rounds.
func ratio(v, base lab.Series) float64 {
	if len(v) == len(base) {
		return v.Over(base).Median()
	}
	return v.Median() / base.Median()
}

func times(x float64) string {
	switch {
	case x < 0.095:
		return fmt.Sprintf("%.3f", x)
	case x < 9.5:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

func seconds(v float64) string { return lab.Series{v}.Seconds() }

func perSecond(v float64) string {
	switch {
	case v < 1000:
		return fmt.Sprintf("%.0f", v)
	case v < 10000:
		return fmt.Sprintf("%.1fk", v/1e3)
	}
	return fmt.Sprintf("%.0fk", v/1e3)
}

func bits(v float64) string { return fmt.Sprintf("%.2f Gbit/s", v/1e9) }

// printTables shows all that is known.
func printTables(w io.Writer, known runs) {
	for _, s := range sheets {
		t := s.writer(known[s.part])
		if t == nil {
			continue
		}
		t.SetStyle(table.StyleLight)
		t.Style().Format.Header = text.FormatDefault
		fmt.Fprintf(w, "\n%s\n%s\n", s.title, t.Render())
	}
	fmt.Fprintln(w, "\nMedians of the rounds; in parentheses how many times snatctl's that is.")
	for _, p := range parts {
		if r, ok := known[p.name]; ok {
			fmt.Fprintf(w, "%s: %s\n", p.name, r.made())
		}
	}
}

// made tells when and where the numbers come from.
func (r run) made() string {
	text := fmt.Sprintf("%s, `%s`, up to %d rounds. %s", r.When.Format("2006-01-02 15:04"), r.Command, r.Rounds, r.Machine)
	if r.Quick {
		text += " A quick run: smaller jobs, and too short to compare."
	}
	if r.Busy {
		text += " The machine was busy with other work: rough figures."
	}
	return text
}
