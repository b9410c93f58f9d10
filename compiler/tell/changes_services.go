package tell

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/inet"
)

func (c *changes) service(name string, was, will *serviceView) {
	switch {
	case was == nil:
		c.add(AddObject, KindService, name, will.describe())
		was = &serviceView{}
	case will == nil:
		c.add(RemoveObject, KindService, name, was.describe())
		will = &serviceView{}
	default:
		if parts := serviceChanges(was, will); len(parts) > 0 {
			c.add(ChangeObject, KindService, name, strings.Join(parts, "; "))
		}
	}
	c.servers(name, was, will)
}

// servers walks along both lists of a service's real servers, which are in order.
func (c *changes) servers(service string, was, will *serviceView) {
	old, now := was.servers, will.servers
	before, after := was.totals(), will.totals()
	same := active(old) == active(now)
	for len(old) > 0 || len(now) > 0 {
		switch order := compareFirst(old, now); {
		case order > 0:
			c.server(AddObject, service, &now[0], c.shareText(after.share(&now[0])))
			now = now[1:]
		case order < 0:
			c.server(RemoveObject, service, &old[0], c.shareText(before.share(&old[0])))
			old = old[1:]
		default:
			if d := shareChange(before.share(&old[0]), after.share(&now[0]), same); d != "" {
				c.server(ChangeObject, service, &now[0], d)
			}
			old, now = old[1:], now[1:]
		}
	}
}

// compareFirst tells which of two lists goes on with the smaller real server.
func compareFirst(a, b []readback.Server) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	}
	return serverName(&a[0]).Compare(serverName(&b[0]))
}

// shareChange says how the part of a real server changes; same: as many as before take connections.
func shareChange(a, b share, same bool) string {
	switch {
	case a.down && !b.down:
		return a.String() + " → up, " + b.String()
	case (a.slots == 0) != (b.slots == 0), a.down != b.down:
		return a.String() + " → " + b.String()
	case a.slots*b.of != b.slots*a.of && same:
		return a.String() + " → " + b.fraction()
	case a.slots*b.of == b.slots*a.of && a.weight != b.weight:
		return fmt.Sprintf("weight %d → %d, %s", a.weight, b.weight, b)
	}
	return ""
}

func (c *changes) shareText(s share) string {
	if s.slots != c.share.slots || s.of != c.share.of || s.down != c.share.down || c.fraction == "" {
		c.share, c.fraction = s, s.String()
	}
	return c.fraction
}

func (c *changes) server(a Action, service string, rs *readback.Server, detail string) {
	c.text = append(append(c.text[:0], service...), '/')
	c.text = appendServer(c.text, serverName(rs))
	c.add(a, KindRealServer, string(c.text), detail)
}

// active counts real servers that take connections. Where their number changes, every share
// does, and that of those that stay says nothing new.
func active(servers []readback.Server) (n int) {
	for i := range servers {
		if servers[i].Slots > 0 {
			n++
		}
	}
	return n
}

func (sv *serviceView) describe() string {
	text := wordsText(sv.ports()) + ", " + sv.does() + drainText(sv.read.Drained) + ", " + sv.scheduler()
	if sticky := sv.persistence(); sticky != "" {
		text += ", " + sticky
	}
	if limits := readback.LimitsText(sv.read.Limits); limits != "" {
		text += ", " + limits
	}
	if allowed := sv.allowed(); len(allowed) > 0 {
		text += ", only from " + rangesText(allowed)
	}
	if hairpin := sv.hairpin(); hairpin != "" {
		text += ", " + hairpin
	}
	if helpers := helpersText(sv.read.Helpers); helpers != "" {
		text += ", " + helpers
	}
	if t := sv.read.Timeouts; t != "" {
		text += ", timeouts " + t
	}
	if proxy := sv.synProxy(); proxy != "" {
		text += ", " + proxy
	}
	return text
}

func serviceChanges(was, will *serviceView) []string {
	var parts []string
	old, now := was.ports(), will.ports()
	if more := missing(now, old); len(more) > 0 {
		parts = append(parts, "+ "+wordsText(more))
	}
	if less := missing(old, now); len(less) > 0 {
		parts = append(parts, "- "+wordsText(less))
	}
	if a, b := was.does(), will.does(); a != b {
		parts = append(parts, a+" → "+b)
	}
	parts = append(parts, drainChange(was.read.Drained, will.read.Drained)...)
	if a, b := was.scheduler(), will.scheduler(); a != b {
		parts = append(parts, cmp.Or(a, "none")+" → "+cmp.Or(b, "none"))
	}
	if a, b := was.persistence(), will.persistence(); a != b {
		parts = append(parts, cmp.Or(a, "no persistence")+" → "+cmp.Or(b, "no persistence"))
	}
	parts = append(parts, readback.LimitsChange(was.read.Limits, will.read.Limits)...)
	if a, b := was.allowed(), will.allowed(); !slices.Equal(a, b) {
		parts = append(parts, "only from "+allowedText(a)+" → "+allowedText(b))
	}
	if a, b := was.hairpin(), will.hairpin(); a != b {
		parts = append(parts, cmp.Or(a, "no hairpin")+" → "+cmp.Or(b, "no hairpin"))
	}
	parts = append(parts, helpersChange(was.read.Helpers, will.read.Helpers)...)
	parts = append(parts, timeoutsChange(was.read.Timeouts, will.read.Timeouts)...)
	if a, b := was.synProxy(), will.synProxy(); a != b {
		parts = append(parts, cmp.Or(a, "no SYN proxy")+" → "+cmp.Or(b, "no SYN proxy"))
	}
	return parts
}

func allowedText(allowed []inet.Range) string {
	if len(allowed) == 0 {
		return "everywhere"
	}
	return rangesText(allowed)
}

// missing returns what is in a and not in b; both are in natural order.
func missing(a, b []string) (out []string) {
	for _, k := range a {
		if _, found := slices.BinarySearchFunc(b, k, layout.CompareNatural); !found {
			out = append(out, k)
		}
	}
	return out
}
