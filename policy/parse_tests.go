package policy

import (
	"net/netip"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/inet"
)

var testKeys = []string{"name", "from", "to", "proto", "iif", "oif", "expect"}

// test reads one test. Its name is free text, and made of its packet where none is given.
func (w *walker) test(n *yaml.Node) {
	var t Test
	t.Keys = w.fields(n, testKeys, func(key string, v *yaml.Node) {
		switch key {
		case "name":
			t.Name, _ = w.text(v, "a name")
		case "from":
			t.From = w.packetAddr(v)
		case "to":
			t.To = w.packetAddr(v)
		case "proto":
			t.Proto = w.proto(v)
		case "iif":
			t.IIf, _ = w.iface(v, false)
		case "oif":
			t.OIf, _ = w.iface(v, false)
		case "expect":
			t.Expect = w.expect(v)
		}
	})
	w.require(n, t.Keys, "from", "to", "proto", "expect")
	t.Pos = w.pos(n)
	t.Pos = t.At("name")
	if t.Name == "" && !w.broken {
		t.Name = t.Proto.String() + " " + t.From.String() + " to " + t.To.String()
	}
	w.packet(n, t)
	w.policy.Tests = append(w.policy.Tests, t)
}

// packet checks that a packet like the test's can be.
func (w *walker) packet(n *yaml.Node, t Test) {
	if w.broken {
		return
	}
	if inet.FamilyOf(t.From.Addr()) != inet.FamilyOf(t.To.Addr()) {
		w.fail(n, "T03", "", "from %s and to %s are of different families", t.From.Addr(), t.To.Addr())
	}
	if !t.Proto.HasPorts() && (t.From.Port() != 0 || t.To.Port() != 0) {
		w.fail(n, "Z09", "remove the port", "%s has no ports", t.Proto)
	}
}

// packetAddr reads the source or destination of a test's packet.
func (w *walker) packetAddr(n *yaml.Node) netip.AddrPort {
	a, port, ok := w.endpoint(n)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, port)
}

// proto reads a protocol's name.
func (w *walker) proto(n *yaml.Node) inet.Proto {
	text, ok := w.text(n, "a protocol")
	if !ok {
		return 0
	}
	p, err := inet.ParseProto(text)
	if err != nil {
		w.fail(n, "N03", "", "%s", err)
	}
	return p
}

var expectKeys = []string{"zone", "service", "verdict", "snat", "dnat"}

// expect reads what a test wants.
func (w *walker) expect(n *yaml.Node) Expect {
	e := Expect{Where: Where{Pos: w.pos(n)}}
	e.Keys = w.fields(n, expectKeys, func(key string, v *yaml.Node) {
		switch key {
		case "zone":
			e.Zone, _ = w.objectName(v)
		case "service":
			e.Service, _ = w.objectName(v)
		case "verdict":
			enum(w, v, "N03", &e.Verdict, Accept, Drop, Reject)
		case "snat":
			e.Snat, e.SnatNone = w.targets(v)
		case "dnat":
			e.Dnat, e.DnatNone = w.targets(v)
		}
	})
	return e
}

// targets reads a list of addresses, ranges and prefixes, each with or without a port,
// or the word none.
func (w *walker) targets(n *yaml.Node) (out []Target, none bool) {
	items := w.items(n, "none, or a list of addresses")
	if v, ok := w.value(n); ok && v.Kind == yaml.SequenceNode && len(items) == 0 {
		w.fail(n, "N03", "write none for no translation", "the list is empty")
	}
	for _, item := range items {
		text, ok := w.text(item, "an address, a range or a prefix, with or without a port")
		if !ok {
			continue
		}
		if text == "none" {
			if none = len(items) == 1; !none {
				w.fail(item, "N03", "write none alone, or remove it", "none contradicts the rest of the list")
			}
			continue
		}
		host, port, hasPort := splitPort(text)
		r, err := inet.ParseRange(host)
		if err != nil {
			w.badAddress(item, host, err)
			continue
		}
		t := Target{Range: r}
		if hasPort {
			if t.Port = w.port(item, port); t.Port == 0 {
				continue
			}
		}
		out = append(out, t)
	}
	return out, none
}
