package tell

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/inet"
)

// doesText says what a zone does.
func doesText(z *readback.Zone) string { return withoutShadows(waysText(z.Ways)) }

// waysText prints ways, those once that one before says already.
func waysText(ways []readback.Way) string {
	does := ""
	for i := range ways {
		switch text := wayText(&ways[i]); {
		case does == "":
			does = text
		case !strings.Contains(does, text):
			does += "; " + text
		}
	}
	return does
}

func wayText(w *readback.Way) string {
	switch {
	case w.Action == "map":
		return "map " + prefixText(w.Outside)
	case w.Action != "snat":
		return w.Action
	}
	text := "pool " + w.Pool
	if w.Pool == "" {
		text = "laddrs " + rangesText(w.Laddrs)
	}
	if w.Via != "" {
		text = w.Via + ": " + text
	}
	if how := howText(w); how != "" {
		text += " (" + how + ")"
	}
	if w.Block > 0 {
		text += fmt.Sprintf(" in blocks of %d", w.Block)
	}
	return text
}

// howText says how laddrs and ports are chosen.
func howText(w *readback.Way) string {
	var words []string
	add := func(is bool, text string) {
		if is {
			words = append(words, text)
		}
	}
	add(w.Select != "", "select "+w.Select)
	add(w.Bound && !w.Ports.IsZero(), "ports "+w.Ports.String())
	add(w.Bound && w.Ports.IsZero(), "ports")
	add(w.Spread, "select source-destination")
	add(w.Random, "random")
	return strings.Join(words, ", ")
}

// prefixText prints a range as a prefix, if it is one.
func prefixText(r inet.Range) string {
	if p, ok := r.Prefix(); ok {
		return p.String()
	}
	return r.String()
}

// withoutShadows drops what a zone does to protocols without ports beside what it does to
// those that have some.
func withoutShadows(does string) string {
	parts := strings.Split(does, "; ")
	shadow := func(p string) bool {
		return slices.ContainsFunc(parts, func(o string) bool {
			return strings.HasPrefix(o, p+" (ports ") || strings.HasPrefix(o, p+" in blocks")
		})
	}
	return strings.Join(slices.DeleteFunc(slices.Clone(parts), shadow), "; ")
}

// conditionsText prints what a zone asks for beside its sources.
func conditionsText(z *readback.Zone) string {
	var parts []string
	if len(z.To) > 0 {
		parts = append(parts, "to "+rangesText(z.To))
	}
	ports := make([]string, len(z.Ports))
	for i, p := range z.Ports {
		ports[i] = p.String()
	}
	for _, c := range []struct {
		word   string
		values []string
	}{{"ports", ports}, {"entering", z.Entering}, {"leaving", z.OIf}} {
		if len(c.values) > 0 {
			parts = append(parts, c.word+" "+wordsText(slices.Sorted(slices.Values(c.values))))
		}
	}
	return strings.Join(parts, ", ")
}

// excludeText prints the destinations that a zone leaves untranslated; "" for none.
func excludeText(z *readback.Zone) string {
	if len(z.Exclude) == 0 {
		return ""
	}
	return rangesText(z.Exclude)
}
