package page

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// Sizes of drawings, in pixels; sparklines have a pixel a point.
const (
	sparkWidth, sparkHeight = 60, 18
	barWidth, barHeight     = 72, 8
)

// spark draws bytes a second over time. Who cannot see it has the number beside it.
func spark(past []Rate) template.HTML {
	most := 0.0
	for _, r := range past {
		most = max(most, r.Bytes)
	}
	var line strings.Builder
	begun, first, last := false, 0, 0
	past = past[max(0, len(past)-sparkWidth-1):]
	left := sparkWidth + 1 - len(past)
	for i, r := range past {
		x := left + i
		if !r.Known {
			continue
		}
		y := sparkHeight - 1
		if most > 0 {
			y = 1 + int(math.Round((1-r.Bytes/most)*(sparkHeight-2)))
		}
		if begun {
			fmt.Fprintf(&line, " %d,%d", x, y)
		} else {
			fmt.Fprintf(&line, "%d,%d", x, y)
			begun, first = true, x
		}
		last = x
	}
	if !begun {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<svg class="spark" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" aria-hidden="true" focusable="false"><path class="under" d="M%[3]d,%[2]d L%[5]s L%[4]d,%[2]dZ"/><polyline points="%[5]s"/></svg>`,
		sparkWidth, sparkHeight, first, last, line.String()))
}

// bar draws how full something is. The words stand beside it.
func bar(f Fill) template.HTML {
	if f.Most == 0 {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<svg class="bar %s" width="%d" height="%d" viewBox="0 0 %[2]d %[3]d" aria-hidden="true" focusable="false"><rect class="whole" width="%[2]d" height="%[3]d" rx="2"/><rect class="part" width="%.1[4]f" height="%[3]d" rx="2"/></svg>`,
		f.Standing().Class(), barWidth, barHeight, f.Part()*barWidth))
}

// shares draws the share that a real server gets, with a mark at that which it should get.
func shares(o *Server) template.HTML {
	if !o.Wanted.Known || !o.Got.Known {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<svg class="bar share" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" aria-hidden="true" focusable="false"><rect class="whole" y="2" width="%[1]d" height="4" rx="2"/><rect class="part" y="2" width="%.1[3]f" height="4" rx="2"/><rect class="mark" x="%.1[4]f" width="2" height="%[2]d"/></svg>`,
		barWidth/2, barHeight, o.Got.Part*barWidth/2, min(o.Wanted.Part*barWidth/2, barWidth/2-2)))
}
