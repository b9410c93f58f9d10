package ipvsadm

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/translate"
)

// forwarding are the options that say how a real server is reached.
var forwarding = []string{"gatewaying", "ipip", "masquerading", "fullnat", "snat"}

// server carries out -a, -e and -d.
func (t *table) server(c *command) error {
	k, err := t.key(c)
	if err != nil {
		return err
	}
	real := c.find("real-server")
	if real == nil {
		return errors.New("there is no real server: name it with -r")
	}
	r := &server{origin: t.origin(c, append(keyNames, "real-server")...), weight: 1, how: "gatewaying"}
	addr, port, err := parseService(real.value)
	if err != nil {
		return err
	}
	t.disputed(c, real.value, port)
	for _, how := range forwarding {
		if c.has(how) {
			r.how = how
		}
	}
	if g := c.find("weight"); g != nil {
		if r.weight, err = parseNumber("the weight", g.value, 0, 1<<31-1); err != nil {
			return err
		}
	}
	if port < 0 || (r.how == "gatewaying" || r.how == "ipip") && k.mark == 0 {
		port = int(k.port)
	}
	r.addr, r.port = addr, uint16(port)
	s := t.index[k]
	if s == nil {
		t.ledger.ReportAs("M111", c.text(), "no line before it adds the service: ipvsadm refuses the line", c.words()...)
		return nil
	}
	i := slices.IndexFunc(s.servers, func(o *server) bool { return o.addr == r.addr && o.port == r.port })
	switch {
	case c.name == "add-server" && i >= 0:
		t.ledger.ReportAs("M111", c.text(), fmt.Sprintf("line %d has added the real server: ipvsadm refuses the line", s.servers[i].Place.Line), c.words()...)
	case c.name == "add-server":
		s.servers = append(s.servers, r)
	case i < 0:
		t.ledger.ReportAs("M111", c.text(), "there is no such real server: ipvsadm refuses the line", c.words()...)
	case c.name == "edit-server":
		t.superseded(&s.servers[i].origin, c.line)
		s.servers[i] = r
	default:
		t.superseded(&s.servers[i].origin, c.line)
		t.ledger.ReportAs("M004", c.text(), fmt.Sprintf("it takes line %d back", s.servers[i].Place.Line), c.words()...)
		s.servers = slices.Delete(s.servers, i, i+1)
	}
	return nil
}

// laddr carries out -P and -Q of services and zones, and -U and -W of zones.
func (t *table) laddr(c *command) error {
	t.laddrs = true
	z := c.find("laddr")
	if z == nil {
		return errors.New("there is no address: name it with -z")
	}
	rng, err := parseLaddrs(z.value)
	if err != nil {
		return err
	}
	own := laddr{t.origin(c, append(keyNames, "laddr", "zone")...), rng}
	remove := c.name == "del-laddr" || c.name == "del-laddr-zone"
	if c.has("zone") {
		zone, err := t.findZone(c)
		if err != nil {
			return err
		}
		if zone == nil {
			t.ledger.ReportAs("M111", c.text(), "no line before it adds the zone: ipvsadm refuses the line", c.words()...)
			return nil
		}
		zone.laddrs = t.changeLaddrs(c, zone.laddrs, own, remove)
		return nil
	}
	k, err := t.key(c)
	if err != nil {
		return err
	}
	s := t.index[k]
	if s == nil {
		t.ledger.ReportAs("M111", c.text(), "no line before it adds the service: ipvsadm refuses the line", c.words()...)
		return nil
	}
	s.laddrs = t.changeLaddrs(c, s.laddrs, own, remove)
	return nil
}

// changeLaddrs adds a laddr to a list, or removes it.
func (t *table) changeLaddrs(c *command, all []laddr, l laddr, remove bool) []laddr {
	i := slices.IndexFunc(all, func(o laddr) bool { return o.Range == l.Range })
	switch {
	case remove && i < 0:
		t.ledger.ReportAs("M111", c.text(), "there is no such laddr: ipvsadm refuses the line", c.words()...)
	case remove:
		t.superseded(&all[i].origin, c.line)
		t.ledger.ReportAs("M004", c.text(), fmt.Sprintf("it takes line %d back", all[i].Place.Line), c.words()...)
		return slices.Delete(all, i, i+1)
	case i >= 0:
		t.ledger.ReportAs("M111", c.text(), fmt.Sprintf("line %d has added the laddr: ipvsadm refuses the line", all[i].Place.Line), c.words()...)
	default:
		return append(all, l)
	}
	return all
}

// findZone returns the zone that a command names; nil where there is none.
func (t *table) findZone(c *command) (*zone, error) {
	g := c.find("zone")
	if g == nil {
		return nil, errors.New("there is no zone: name it with --zone")
	}
	addr, m, err := parseZone(g.value)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(t.zones, func(z *zone) bool { return z.addr == addr && z.mask == m })
	if i < 0 {
		return nil, nil
	}
	return t.zones[i], nil
}

// zone carries out -K and -V.
func (t *table) zone(c *command) error {
	z, err := t.findZone(c)
	if err != nil {
		return err
	}
	switch {
	case c.name == "add-zone" && z != nil:
		t.ledger.ReportAs("M111", c.text(), fmt.Sprintf("line %d has added the zone: ipvsadm refuses the line", z.Place.Line), c.words()...)
	case c.name == "add-zone":
		z = &zone{origin: t.origin(c, "zone")}
		z.addr, z.mask, _ = parseZone(c.find("zone").value)
		t.zones = append(t.zones, z)
	case z == nil:
		t.ledger.ReportAs("M111", c.text(), "there is no such zone: ipvsadm refuses the line", c.words()...)
	default:
		t.superseded(&z.origin, c.line)
		for i := range z.laddrs {
			t.superseded(&z.laddrs[i].origin, c.line)
		}
		t.ledger.ReportAs("M004", c.text(), fmt.Sprintf("it takes line %d back", z.Place.Line), c.words()...)
		t.zones = slices.DeleteFunc(t.zones, func(o *zone) bool { return o == z })
	}
	return nil
}

// list carries out -U, -V, -O and -Y of DPVS: black and white lists of services.
func (t *table) list(c *command) error {
	name := "blklst"
	if c.name == "add-whtlst" || c.name == "del-whtlst" {
		name = "whtlst"
	}
	g := c.find(name)
	if g == nil {
		return fmt.Errorf("there is no address: name it with --%s", name)
	}
	k, err := t.key(c)
	if err != nil {
		return err
	}
	s := t.index[k]
	if s == nil {
		t.ledger.ReportAs("M111", c.text(), "no line before it adds the service: ipvsadm refuses the line", c.words()...)
		return nil
	}
	if len(g.value) > 6 && g.value[:6] == "ipset:" {
		t.ledger.ReportAs("M042", c.text(), "", c.words()...)
		return nil
	}
	a, err := parseAddr(g.value)
	if err != nil {
		return err
	}
	to := &s.deny
	if name == "whtlst" {
		to = &s.allow
	}
	e := list{t.origin(c, append(keyNames, name)...), a}
	i := slices.IndexFunc(*to, func(o list) bool { return o.addr == a })
	switch remove := c.name == "del-blklst" || c.name == "del-whtlst"; {
	case remove != (i >= 0):
		t.ledger.ReportAs("M111", c.text(), "the list has it, or has it not, already: ipvsadm refuses the line", c.words()...)
	case remove:
		t.superseded(&(*to)[i].origin, c.line)
		t.ledger.ReportAs("M004", c.text(), fmt.Sprintf("it takes line %d back", (*to)[i].Place.Line), c.words()...)
		*to = slices.Delete(*to, i, i+1)
	default:
		*to = append(*to, e)
	}
	return nil
}

// rule is an SNAT rule of lvs-snat v2.
type rule struct {
	origin
	from, to net
	gw, next netip.Addr
	oif      string
	laddrs   inet.Range
	algo     string
}

// net is a network with the bits that were written; -1: none were.
type net struct {
	addr netip.Addr
	bits int
}

// snatMark is the mark by which lvs-snat v2 has its rules; no other will do.
const snatMark = 1

// rule carries out -K, -k and -H of lvs-snat v2.
func (t *table) rule(c *command) (err error) {
	r := &rule{origin: t.origin(c, "fwmark-service", "from", "to", "gw", "oif"), algo: "sdh"}
	for _, g := range c.options {
		switch g.name {
		case "from":
			r.from, err = parseNet(g.value)
		case "to":
			r.to, err = parseNet(g.value)
		case "gw":
			r.gw, err = parseAddr(g.value)
		case "new-gw":
			r.next, err = parseAddr(g.value)
		case "oif":
			r.oif = g.value
		case "snat-ip":
			r.laddrs, err = parseLaddrs(g.value)
		case "algo":
			r.algo, err = parseAlgo(g.value)
		}
		if err != nil {
			return err
		}
	}
	if k, err := t.key(c); err != nil || k.mark != snatMark || k.six {
		t.ledger.ReportAs("M111", c.text(), "SNAT rules are of -f 1: the kernel refuses the line", c.words()...)
		return nil
	}
	same := func(o *rule) bool { return o.from == r.from && o.to == r.to && o.gw == r.gw && o.oif == r.oif }
	i := slices.IndexFunc(t.rules, same)
	if c.name != "delete-snat" && !r.laddrs.From.IsValid() {
		return errors.New("there is no address to translate to: name it with -U")
	}
	switch {
	case c.name == "add-snat" && i >= 0:
		t.ledger.ReportAs("M111", c.text(), fmt.Sprintf("line %d has added the rule: ipvsadm refuses the line", t.rules[i].Place.Line), c.words()...)
	case c.name == "add-snat":
		t.rules = append(t.rules, r)
	case i < 0:
		t.ledger.ReportAs("M111", c.text(), "there is no such rule: ipvsadm refuses the line", c.words()...)
	case c.name == "edit-snat":
		t.superseded(&t.rules[i].origin, c.line)
		t.rules[i] = r
	default:
		t.superseded(&t.rules[i].origin, c.line)
		t.ledger.ReportAs("M004", c.text(), fmt.Sprintf("it takes line %d back", t.rules[i].Place.Line), c.words()...)
		t.rules = slices.Delete(t.rules, i, i+1)
	}
	return nil
}

// say reports about an object and some of its words.
func (t *table) say(o *origin, code, more string, words ...translate.Word) {
	construct := o.Text
	if len(words) > 0 {
		construct = t.ledger.Text(words...)
	}
	if len(words) == 0 {
		words = o.words()
	}
	t.ledger.ReportAs(code, construct, more, words...)
}
