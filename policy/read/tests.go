package read

import (
	"net/netip"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// test reads one test. Its name is free text, and made of its packet where none is given.
func (w *walker) test(n *yaml.Node) {
	var t policy.Test
	t.Keys = w.fields(n, words.Test, func(k *words.Keyword, v *yaml.Node) {
		switch k.Name() {
		case "name":
			name, _ := w.text(v, "a name")
			t.Name = strings.Clone(name)
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
		case "mark":
			t.Mark = w.mark(v)
		case "expect":
			t.Expect = w.expect(v)
		}
	})
	t.Pos = w.pos(n)
	t.Pos = t.At("name")
	if t.Name == "" && !w.broken {
		t.Name = t.Proto.String() + " " + t.From.String() + " to " + t.To.String()
	}
	w.packet(n, t)
	w.policy.Tests = append(w.policy.Tests, t)
}

// packet checks that a packet like the test's can be.
func (w *walker) packet(n *yaml.Node, t policy.Test) {
	if w.broken {
		return
	}
	if inet.FamilyOf(t.From.Addr()) != inet.FamilyOf(t.To.Addr()) {
		w.fail(n, "T03", "write two IPv4 or two IPv6 addresses", "from %s and to %s are of different families", t.From.Addr(), t.To.Addr())
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

// expect reads what a test wants.
func (w *walker) expect(n *yaml.Node) policy.Expect {
	e := policy.Expect{Where: policy.Where{Pos: w.pos(n)}}
	e.Keys = w.fields(n, words.Expect, func(k *words.Keyword, v *yaml.Node) {
		switch k.Name() {
		case "zone":
			e.Zone, _ = w.objectName(v)
		case "service":
			e.Service, _ = w.objectName(v)
		case "verdict":
			enum(w, v, k, &e.Verdict)
		case "snat":
			e.Snat = w.translation(v, k.Words)
		case "dnat":
			e.Dnat = w.translation(v, k.Words)
		case "uplink":
			for _, item := range w.someItems(v, "names of uplinks") {
				if name, ok := w.objectName(item); ok {
					e.Uplink = append(e.Uplink, name)
				}
			}
		}
	})
	return e
}

// translation reads a list of addresses, ranges and prefixes, each with or without ports,
// or one word alone, which must be one of those known.
func (w *walker) translation(n *yaml.Node, known []string) (out policy.Translation) {
	items := w.items(n, words.List(known)+", or a list of addresses")
	if v, ok := w.value(n); ok && v.Kind == yaml.SequenceNode && len(items) == 0 {
		w.fail(n, "N03", "write none for no translation", "the list is empty")
	}
	for _, item := range items {
		text, ok := w.text(item, "an address, a range or a prefix, with or without a port")
		switch {
		case !ok:
		case slices.Contains(known, text) && len(items) > 1:
			w.fail(item, "N03", "write "+text+" alone, or remove it", "%s contradicts the rest of the list", text)
		case slices.Contains(known, text):
			return policy.Translation{Word: known[slices.Index(known, text)]}
		default:
			if t, ok := w.target(item, text); ok {
				out.Targets = append(out.Targets, t)
			}
		}
	}
	return out
}

// target reads addresses with or without ports: "198.51.100.0/24", "198.51.100.1:1024-2047",
// "[fd00::/64]:80".
func (w *walker) target(n *yaml.Node, text string) (policy.Target, bool) {
	host, ports, hasPorts := splitPort(text)
	r, err := inet.ParseRange(host)
	if err != nil {
		w.badAddress(n, host, err)
		return policy.Target{}, false
	}
	t := policy.Target{Range: r}
	if hasPorts {
		if t.Ports, err = inet.ParsePortRange(ports); err != nil {
			w.badPorts(n, err)
			return policy.Target{}, false
		}
	}
	return t, true
}
