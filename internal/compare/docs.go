package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// plot is a sheet that is drawn, too.
type plot struct{ part, measure, file, title, x string }

var plots = []plot{
	{"services", "load", "compare-load.svg", "Services from nothing, time until they work", "services, with 4 real servers each"},
	{"services", "change", "compare-change.svg", "One real server is replaced, time until it works", "services, with 4 real servers each"},
	{"services", "udp last", "compare-services.svg", "New UDP flows a second, to the service that comes last", "services, with 4 real servers each"},
	{"zones", "udp last", "compare-zones.svg", "New UDP flows a second, from the SNAT zone that comes last", "zones, with 4 laddrs each"},
}

// Marks around the generated text.
const begin, end = "<!-- results: make compare -->\n", "<!-- end of results -->\n"

// writeDocs writes the tables into compare.md of a directory, and the plots beside it. What no
// run has measured yet keeps no place.
func writeDocs(dir string, known runs) error {
	name := filepath.Join(dir, "compare.md")
	doc, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(doc), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q to write between", name, begin, end)
	}
	var b strings.Builder
	b.WriteString(head + begin)
	for _, p := range plots {
		picture := p.chart(known[p.part]).svg()
		if picture == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, p.file), []byte(picture), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n![%s](%s)\n", p.title, p.file)
	}
	for _, s := range sheets {
		if t := s.writer(known[s.part]); t != nil {
			fmt.Fprintf(&b, "\n**%s**\n\n%s\n", s.title, t.RenderMarkdown())
		}
	}
	if text := besideIptables(known["zones"]); text != "" {
		b.WriteString("\n" + text)
	}
	b.WriteString("\n" + provenance(known) + "\n" + legend() + "\n" + end + tail)
	return os.WriteFile(name, []byte(b.String()), 0o644)
}

// chart draws a measure of a run.
func (p plot) chart(r run) chart {
	s := sheets[slices.IndexFunc(sheets, func(s sheet) bool { return s.part == p.part && s.measure == p.measure })]
	c := chart{title: p.title, x: p.x, format: s.format}
	sizes, _ := s.reach(r)
	for hue, x := range all("") {
		l := line{name: x.name, hue: hue % len(palette)}
		for _, n := range sizes {
			if v, _ := r.find(x.name, p.measure, n); v != nil && v.Median() > 0 {
				l.at = append(l.at, point{float64(n), v.Median()})
			}
		}
		if l.at != nil {
			c.lines = append(c.lines, l)
		}
	}
	return c
}

func provenance(known runs) string {
	var b strings.Builder
	b.WriteString("| part | made |\n|---|---|\n")
	for _, p := range parts {
		if r, ok := known[p.name]; ok {
			fmt.Fprintf(&b, "| %s | %s |\n", p.name, r.made())
		}
	}
	return b.String()
}

func legend() string {
	var b strings.Builder
	b.WriteString("| contender | how it does the job |\n|---|---|\n")
	for _, c := range all("") {
		fmt.Fprintf(&b, "| %s | %s |\n", c.name, c.how)
	}
	return b.String()
}
