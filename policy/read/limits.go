package read

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// limits reads what bounds the connections of a service or zone.
func (w *walker) limits(n *yaml.Node, section *words.Section) policy.Limits {
	l := policy.DefaultLimits()
	var burst *yaml.Node
	rated := false
	w.fields(n, section, func(k *words.Keyword, v *yaml.Node) {
		switch k.Name() {
		case "connections":
			l.Connections, _ = w.integer(v, k)
		case "connections_per_client":
			l.PerClient, _ = w.integer(v, k)
		case "new_per_client":
			l.New, rated = w.rate(v), true
		case "burst":
			burst = v
			l.Burst, _ = w.integer(v, k)
		case "mask4":
			l.Mask4, _ = w.integer(v, k)
		case "mask6":
			l.Mask6, _ = w.integer(v, k)
		case "action":
			enum(w, v, k, &l.Action)
		}
	})
	if burst != nil && !rated {
		w.fail(burst, "L01", "add new_per_client, or remove burst", "a burst goes beyond a rate, and there is none")
	}
	return l
}

// mostRate is the largest number in a rate.
const mostRate = 1_000_000

// rate reads so many in a time: 50/second.
func (w *walker) rate(n *yaml.Node) policy.Rate {
	text, ok := w.text(n, "a rate like 50/second")
	if !ok {
		return policy.Rate{}
	}
	count, unit, cut := strings.Cut(text, "/")
	units := policy.RateUnits()
	switch i, err := strconv.Atoi(count); {
	case !cut && decimal.MatchString(text):
		w.fail(n, "N03", "write "+text+"/second, or another of "+words.List(units), "the rate %q has no time", text)
	case !cut || notDecimal(count) != "":
		w.fail(n, "N03", "write it like 50/second", "%q is not a rate", text)
	case err != nil || i < 1 || i > mostRate:
		w.fail(n, "N03", "", "%s is out of range (1 to %d)", count, mostRate)
	default:
		rate, known := policy.RateOf(i, unit)
		if !known {
			w.fail(n, "N03", "write "+words.List(units), "unknown time %q%s", unit, words.DidYouMean(unit, units))
		}
		return rate
	}
	return policy.Rate{}
}
