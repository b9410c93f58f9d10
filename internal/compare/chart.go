package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// chart is lines over two logarithmic axes. All values are greater than 0.
type chart struct {
	title, x string
	format   func(float64) string // of values
	lines    []line
}

// line is one contender's values, by ascending size.
type line struct {
	name string
	hue  int // of the palette
	at   []point
}

type point struct{ x, y float64 }

// Colours of the lines on light and on dark ground.
var palette = [][2]string{
	{"#0969da", "#58a6ff"}, {"#54aeff", "#a5d6ff"}, {"#1a7f37", "#3fb950"}, {"#9a6700", "#d29922"}, {"#cf222e", "#ff7b72"},
	{"#8250df", "#bc8cff"}, {"#bf3989", "#f778ba"}, {"#bc4c00", "#ffa657"}, {"#57606a", "#9198a1"},
}

// Sizes of the picture, in pixels.
const (
	width, height           = 820, 430
	left, right, top, under = 74, 620, 52, 375
	labelGap                = 17 // between two names
)

// svg draws the chart; empty where there are no lines.
func (c chart) svg() string {
	if len(c.lines) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t" font-family="DejaVu Sans, Verdana, sans-serif" font-size="13">
  <title id="t">%s</title>
  <style>
    .bg { fill: #ffffff; } text { fill: #1f2328; } .grid { stroke: #d1d9e0; } .line { fill: none; stroke-width: 2; } .lead { stroke-dasharray: 2 3; stroke-width: 1; } .ours { stroke-width: 3.5; }
    %s
    @media (prefers-color-scheme: dark) { .bg { fill: #0d1117; } text { fill: #e6edf3; } .grid { stroke: #30363d; } %s }
  </style>
  <rect class="bg" width="%d" height="%d" rx="8"/>
  <text x="%d" y="28" font-size="15" font-weight="bold">%s</text>
`, width, height, width, height, escape(c.title), colours(0), colours(1), width, height, left, escape(c.title))
	x, y := c.axes()
	c.grid(&b, x, y)
	c.draw(&b, x, y)
	b.WriteString("</svg>\n")
	return b.String()
}

func colours(ground int) string {
	var b strings.Builder
	for i, p := range palette {
		fmt.Fprintf(&b, ".s%d { stroke: %s; } .f%d { fill: %s; } ", i, p[ground], i, p[ground])
	}
	return strings.TrimSpace(b.String())
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace

// axis maps values to pixels.
type axis struct{ low, high, from, to float64 } // low and high: logarithms

func (a axis) at(v float64) float64 {
	return a.from + (math.Log10(v)-a.low)/(a.high-a.low)*(a.to-a.from)
}

// axes fit all points, with some air.
func (c chart) axes() (x, y axis) {
	x, y = axis{math.Inf(1), math.Inf(-1), left, right}, axis{math.Inf(1), math.Inf(-1), under, top}
	for _, l := range c.lines {
		for _, p := range l.at {
			x.low, x.high = min(x.low, math.Log10(p.x)), max(x.high, math.Log10(p.x))
			y.low, y.high = min(y.low, math.Log10(p.y)), max(y.high, math.Log10(p.y))
		}
	}
	const air = 0.08
	return axis{x.low - air, x.high + air, x.from, x.to}, axis{y.low - air, y.high + air, y.from, y.to}
}

// grid draws a line at each size and at 1, 2 and 5 of each power of ten, or at the powers
// alone where there are many.
func (c chart) grid(b *strings.Builder, x, y axis) {
	steps := []float64{1, 2, 5}
	if y.high-y.low > 2.5 {
		steps = steps[:1]
	}
	for e := math.Floor(y.low); e <= y.high; e++ {
		for _, s := range steps {
			v := s * math.Pow(10, e)
			if l := math.Log10(v); l >= y.low && l <= y.high {
				fmt.Fprintf(b, `  <path class="grid" d="M%d %.1f H%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left, y.at(v), right, left-8, y.at(v)+4, c.format(v))
			}
		}
	}
	var sizes []float64
	for _, l := range c.lines {
		for _, p := range l.at {
			sizes = append(sizes, p.x)
		}
	}
	slices.Sort(sizes)
	for _, v := range slices.Compact(sizes) {
		fmt.Fprintf(b, `  <path class="grid" d="M%.1f %d V%d"/><text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`+"\n", x.at(v), top, under, x.at(v), under+20, v)
	}
	fmt.Fprintf(b, `  <text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+right)/2, under+42, escape(c.x))
}

// draw draws the lines, each with its name to the right of its end and clear of the others.
func (c chart) draw(b *strings.Builder, x, y axis) {
	lines := slices.Clone(c.lines)
	end := func(l line) point { return l.at[len(l.at)-1] }
	slices.SortStableFunc(lines, func(p, q line) int { return int(y.at(end(p).y) - y.at(end(q).y)) })
	free := math.Min(float64(top), y.at(end(lines[0]).y))
	for i, l := range lines {
		weight := ""
		if l.name == ours {
			weight = " ours"
		}
		fmt.Fprintf(b, `  <path class="line s%d%s" d="`, l.hue, weight)
		for k, p := range l.at {
			fmt.Fprintf(b, "%c%.1f %.1f ", "ML"[min(k, 1)], x.at(p.x), y.at(p.y))
		}
		b.WriteString("\"/>\n")
		for _, p := range l.at {
			fmt.Fprintf(b, `  <circle class="f%d" cx="%.1f" cy="%.1f" r="3"/>`+"\n", l.hue, x.at(p.x), y.at(p.y))
		}
		last := end(l)
		// Room below must do for the names that are still to come.
		label := min(max(y.at(last.y), free), float64(under)-float64(labelGap*(len(lines)-1-i)))
		free = label + labelGap
		fmt.Fprintf(b, `  <path class="line lead s%d" d="M%.1f %.1f L%d %.1f"/><text class="f%d" x="%d" y="%.1f">%s</text>`+"\n",
			l.hue, x.at(last.x), y.at(last.y), right+12, label, l.hue, right+16, label+4, escape(l.name))
	}
}
