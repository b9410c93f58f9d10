package ipvsadm

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/translate"
)

// table is what the kernel would have after the commands: services with their real servers,
// zones, SNAT rules. All in the order in which they were added.
type table struct {
	file     string
	dialect  translate.Dialect
	ledger   *translate.Ledger
	services []*service
	index    map[key]*service
	zones    []*zone
	rules    []*rule
	problems translate.Unreadable
	saved    bool     // the file is a dump or listing: what is never saved may be missing
	laddrs   bool     // some command gives laddrs
	timeouts [][3]int // of --set: TCP, TCP that closes, UDP, in seconds
	toa      bool     // it was said what becomes of TOA
}

// key is what services are told apart by.
type key struct {
	proto inet.Proto
	addr  netip.Addr
	port  uint16
	mark  uint32 // of -f; else 0
	six   bool   // -6, beside -f
	match string // of -H; else empty
}

// origin is where an object comes from, with the words that nobody has accounted for.
type origin struct {
	translate.Origin
	head    []translate.Word // the command and the object's name
	options []given          // the other options
}

// family returns the family of what a service takes.
func (k key) family() inet.Family {
	if k.addr.Is6() || k.six {
		return inet.V6
	}
	return inet.V4
}

// service is a virtual service.
type service struct {
	origin
	key
	servers []*server
	laddrs  []laddr
	allow   []list
	deny    []list
	extra   []origin // lines that edited it
}

// server is a real server.
type server struct {
	origin
	addr   netip.Addr
	port   uint16
	weight int
	how    string // name of the forwarding option
}

// laddr is a local address of a service or zone.
type laddr struct {
	origin
	inet.Range
}

// list is an entry of a black or white list.
type list struct {
	origin
	addr netip.Addr
}

// zone is a zone of dsnat.
type zone struct {
	origin
	addr   uint32
	mask   mask
	laddrs []laddr
}

// find returns an option of an object; nil where it has none of that name.
func (o *origin) find(name string) *given {
	for i := range o.options {
		if o.options[i].name == name {
			return &o.options[i]
		}
	}
	return nil
}

// value returns the value of an option; the one given where it is missing.
func (o *origin) value(name, missing string) string {
	if g := o.find(name); g != nil {
		return g.value
	}
	return missing
}

// words returns all words of an object.
func (o *origin) words() []translate.Word {
	out := slices.Clone(o.head)
	for _, g := range o.options {
		out = append(out, g.words...)
	}
	return out
}

// problem notes what makes the file unreadable.
func (t *table) problem(c *call, err error, hint string) {
	t.problemOf(&translate.Origin{Place: translate.Place{File: t.file, Line: c.line}, Text: c.text()}, err, hint)
}

// problemOf notes one of an object of the table.
func (t *table) problemOf(o *translate.Origin, err error, hint string) {
	t.problems = append(t.problems, translate.Problem{Place: o.Place, Msg: fmt.Sprintf("%s: %v", o.Text, err), Hint: hint})
}

// origin makes the origin of an object of a command. The options named are a part of its name.
func (t *table) origin(c *command, names ...string) origin {
	o := origin{Origin: translate.Origin{Place: translate.Place{File: t.file, Line: c.line}, Text: c.text()}}
	o.head = append(append(o.head, c.head...), c.verb...)
	for _, g := range c.options {
		if slices.Contains(names, g.name) {
			o.head = append(o.head, g.words...)
		} else {
			o.options = append(o.options, g)
		}
	}
	return o
}

// superseded reports that a later line decides instead of what an object said.
func (t *table) superseded(o *origin, by int) {
	t.ledger.ReportAs("M004", o.Text, fmt.Sprintf("line %d decides", by), o.words()...)
}

// apply carries out a command.
func (t *table) apply(c *command) {
	var err error
	switch c.name {
	case "add-service", "edit-service", "delete-service":
		err = t.service(c)
	case "add-server", "edit-server", "delete-server":
		err = t.server(c)
	case "add-laddr", "del-laddr", "add-laddr-zone", "del-laddr-zone":
		err = t.laddr(c)
	case "add-zone", "del-zone":
		err = t.zone(c)
	case "add-snat", "edit-snat", "delete-snat":
		err = t.rule(c)
	case "add-blklst", "del-blklst", "add-whtlst", "del-whtlst":
		err = t.list(c)
	case "clear":
		t.clear(c)
	case "set":
		err = t.set(c)
	case "start-daemon":
		t.ledger.ReportAs("M039", c.text(), "", c.words()...)
	case "restore":
		t.ledger.ReportAs("M104", c.text(), "", c.words()...)
	default: // it only shows something, or there is nothing in the policy that it could change
		t.ledger.Whole(c.words()...)
	}
	switch {
	case errors.Is(err, errName):
		t.ledger.ReportAs("M005", c.text(), "", c.words()...)
	case err != nil:
		t.problem(c.call, err, "")
	}
}

// set carries out --set, of which 0 changes nothing.
func (t *table) set(c *command) (err error) {
	var n [3]int
	values := strings.Fields(c.text())
	for i := range n {
		if n[i], err = parseNumber("the timeout", values[max(0, len(values)-3+i)], 0, translate.MostTimeout); err != nil {
			return err
		}
	}
	if n == [3]int{} {
		t.ledger.Whole(c.words()...)
		return nil
	}
	t.timeouts = append(t.timeouts, n)
	t.ledger.ReportAs("M110", c.text(), "", c.words()...)
	return nil
}

// clear forgets everything, as ipvsadm -C does.
func (t *table) clear(c *command) {
	for _, s := range t.services {
		t.gone(s, c.line)
	}
	t.services, t.index = nil, nil
	for _, r := range t.rules {
		t.superseded(&r.origin, c.line)
	}
	t.rules = nil
	t.ledger.Whole(c.words()...)
}

// gone reports that a service and what belongs to it was taken back.
func (t *table) gone(s *service, by int) {
	t.superseded(&s.origin, by)
	for i := range s.extra {
		t.superseded(&s.extra[i], by)
	}
	for _, r := range s.servers {
		t.superseded(&r.origin, by)
	}
	for i := range s.laddrs {
		t.superseded(&s.laddrs[i].origin, by)
	}
}

// keyNames are the options that name a service.
var keyNames = []string{"tcp-service", "udp-service", "sctp-service", "icmp-service", "icmpv6-service", "fwmark-service", "match", "ipv6"}

// key returns the service that a command is about.
func (t *table) key(c *command) (k key, err error) {
	protos := map[string]inet.Proto{"tcp-service": inet.TCP, "udp-service": inet.UDP, "sctp-service": inet.SCTP, "icmp-service": inet.ICMP, "icmpv6-service": inet.ICMPv6}
	for _, g := range c.options {
		proto, addressed := protos[g.name]
		switch {
		case !slices.Contains(keyNames, g.name) || g.name == "ipv6":
			continue
		case k != key{}:
			return k, errors.New("there are two services: name one")
		case addressed:
			k.proto = proto
			var port int
			if k.addr, port, err = parseService(g.value); err != nil {
				return k, err
			}
			k.port = uint16(max(port, 0))
			t.disputed(c, g.value, port)
		case g.name == "match":
			k.match = g.value
		default:
			n, err := parseNumber("the mark", g.value, 1, 1<<32-1)
			if err != nil {
				return k, err
			}
			k.mark, k.six = uint32(n), c.has("ipv6")
		}
	}
	if k == (key{}) {
		return k, errors.New("there is no service: name it with -t, -u or -f")
	}
	return k, nil
}

// disputed reports names of ports that mean another one elsewhere.
func (t *table) disputed(c *command, text string, port int) {
	name := text[strings.LastIndexByte(text, ':')+1:]
	if other := disputed[name]; other != "" {
		t.ledger.Note(translate.Place{File: t.file, Line: c.line}, "M109", text, fmt.Sprintf("port %d, which is %s: compare with `ipvsadm -S -n`", port, other))
	}
}

// service carries out -A, -E and -D.
func (t *table) service(c *command) error {
	k, err := t.key(c)
	if err != nil {
		return err
	}
	s := t.index[k]
	o := t.origin(c, keyNames...)
	switch {
	case c.name == "delete-service" && s == nil, c.name == "edit-service" && s == nil:
		t.ledger.ReportAs("M111", c.text(), "there is no such service: ipvsadm refuses the line", c.words()...)
	case c.name == "delete-service":
		t.gone(s, c.line)
		t.services = slices.DeleteFunc(t.services, func(o *service) bool { return o == s })
		delete(t.index, k)
		t.ledger.ReportAs("M004", c.text(), fmt.Sprintf("it takes line %d back", s.Place.Line), c.words()...)
	case c.name == "edit-service":
		s.edit(t, o)
	case s != nil:
		t.ledger.ReportAs("M111", c.text(), fmt.Sprintf("line %d has added the service: ipvsadm refuses the line", s.Place.Line), c.words()...)
	default:
		if t.index == nil {
			t.index = make(map[key]*service)
		}
		s = &service{origin: o, key: k}
		t.index[k] = s
		t.services = append(t.services, s)
	}
	return nil
}

// edit gives a service other settings, all of them anew, as the kernel does. What the earlier line
// said of them counts no more.
func (s *service) edit(t *table, o origin) {
	for _, g := range s.options {
		t.ledger.ReportAs("M004", t.ledger.Text(g.words...), fmt.Sprintf("line %d decides", o.Place.Line), g.words...)
	}
	s.options = o.options
	o.options = nil
	s.extra = append(s.extra, o)
}
