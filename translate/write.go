package translate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/format"
)

// document is a setup as a policy, with what its objects share.
type document struct {
	*format.Document
	file   string // that is translated
	pools  shelf[*Pool]
	checks shelf[*Check]
}

// shelf is objects of one kind that others name; those with the same key are one.
type shelf[T any] struct {
	given names
	named map[string]string // key to name
	items []T
	names []string
}

// put adds an object, unless there is one of that key.
func (s *shelf[T]) put(key, wish string, item T) {
	if s.named == nil {
		s.given, s.named = names{}, make(map[string]string)
	}
	if _, known := s.named[key]; known {
		return
	}
	s.named[key] = s.given.give(wish)
	s.items, s.names = append(s.items, item), append(s.names, s.named[key])
}

// write makes a policy of a setup. Whether the language takes it, settle tells.
func (s *Setup) write() *document {
	d := &document{Document: format.NewDocument(), file: s.File}
	d.Header(s.Header...)
	d.gather(s)
	if g := d.gateway(s); g != nil {
		d.Set("gateway", g)
	}
	if len(d.pools.items) > 0 {
		pools := new(format.Mapping)
		for i, p := range d.pools.items {
			e := pools.Set(d.pools.names[i], d.writePool(p))
			if !p.each() {
				e.Above(d.comment(p.Origins...)...)
			}
		}
		d.Set("laddrs", pools)
	}
	if len(s.Zones) > 0 {
		zones, given := new(format.List), names{}
		for _, z := range s.Zones {
			zones.Add(d.zone(z, given)).Above(append(d.comment(z.Origin), z.Notes...)...)
		}
		d.Set("zones", zones)
	}
	if len(d.checks.items) > 0 {
		checks := new(format.Mapping)
		for i, c := range d.checks.items {
			checks.Set(d.checks.names[i], writeCheck(&c.HealthCheck)).Above(d.comment(c.Origin)...)
		}
		d.Set("health_checks", checks)
	}
	if len(s.Services) > 0 {
		services, given := new(format.List), names{}
		for _, svc := range s.Services {
			services.Add(d.service(svc, given)).Above(append(d.comment(svc.Origin), svc.Notes...)...)
		}
		d.Set("services", services)
	}
	d.Footer(s.Footer...)
	return d
}

// gather names the pools and checks that zones and services use; equal ones are one.
func (d *document) gather(s *Setup) {
	pool := func(p *Pool) {
		if p != nil {
			d.pools.put(p.key(), cmp.Or(p.Name, poolName(&p.Pool)), p)
		}
	}
	for _, z := range s.Zones {
		pool(z.Pool)
	}
	for _, svc := range s.Services {
		pool(svc.Pool)
		if c := svc.Check; c != nil {
			d.checks.put(c.key(), cmp.Or(c.Name, string(c.Type)), c)
		}
	}
}

// key is what equal pools have in common: all but name and places.
func (p *Pool) key() string {
	var b strings.Builder
	fmt.Fprint(&b, p.Ports, p.Random, p.Block)
	for _, l := range p.Laddrs {
		fmt.Fprint(&b, " ", l.Range, "*", l.Weight)
	}
	return b.String()
}

// each tells whether every laddr has a line that it comes from.
func (p *Pool) each() bool { return len(p.Laddrs) > 1 && len(p.Origins) == len(p.Laddrs) }

// key is what equal checks have in common: all but name and place.
func (c *Check) key() string {
	same := c.HealthCheck
	same.Where, same.Name = policy.Where{}, ""
	return fmt.Sprintf("%#v", same)
}

// comment names the lines that an object comes from.
func (d *document) comment(from ...Origin) (lines []string) {
	for _, o := range from {
		if line := d.origin(o); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// longestComment is how much of a line a comment quotes, in bytes.
const longestComment = 160

// origin returns "line 3: TEXT", or "FILE:3: TEXT" for other files than the one translated.
func (d *document) origin(o Origin) string {
	text := strings.ReplaceAll(o.Text, "\n", " ")
	if len(text) > longestComment {
		text = strings.ToValidUTF8(text[:longestComment], "") + " …"
	}
	switch {
	case o.Place == (Place{}):
		return text
	case o.Place.File == d.file:
		return strings.TrimSuffix(fmt.Sprintf("line %d: %s", o.Place.Line, text), ": ")
	}
	return strings.TrimSuffix(o.Place.String()+": "+text, ": ")
}

// place is origin without the text: for lists, whose items say the same as their lines.
func (d *document) place(o Origin) string {
	if o.Place == (Place{}) {
		return ""
	}
	return d.origin(Origin{Place: o.Place})
}

// ranges writes addresses.
func ranges(rs []inet.Range) format.Value {
	texts := make([]string, len(rs))
	for i, r := range rs {
		texts[i] = rangeText(r)
	}
	return format.Texts(texts...)
}

// rangeText writes a range as people do: an address, a prefix, or a range.
func rangeText(r inet.Range) string {
	if p, ok := r.Prefix(); ok && !r.Single() {
		return p.String()
	}
	return r.String()
}

func ports(ps []inet.ProtoPorts) format.Value {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.String()
	}
	return format.Texts(texts...)
}
