package read

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// zone reads one zone.
func (w *walker) zone(n *yaml.Node) {
	z := policy.DefaultZone()
	var pool string
	var perUplink []string
	z.Keys = w.fields(n, words.Zone, func(k *words.Keyword, v *yaml.Node) {
		z.Items = w.places(z.Items, k, v)
		switch k.Name() {
		case "name":
			z.Name, _ = w.objectName(v)
		case "from":
			z.From = w.ranges(w.someItems(v, wantAddresses))
		case "to":
			z.To = w.ranges(w.someItems(v, wantAddresses))
		case "ports":
			z.Ports = w.protoPorts(v)
		case "iif":
			z.IIf = w.interfaces(v)
		case "oif":
			z.OIf = w.interfaces(v)
		case "laddrs":
			if z.UplinkLaddrs, perUplink = w.uplinkLaddrs(v); z.UplinkLaddrs == nil {
				pool, z.Laddrs = w.poolOrList(v)
			}
		case "uplink":
			z.Uplink = w.uplinkChoice(v)
		case "select":
			enum(w, v, k, &z.Select)
		case "exclude":
			z.Exclude = w.ranges(w.items(v, wantAddresses))
		case "action":
			enum(w, v, k, &z.Action)
		case "limits":
			z.Limits = w.limits(v, words.ZoneLimits)
		case "map":
			z.Map = w.prefix(v)
		case "mss":
			z.MSS = w.mss(v, k)
		case "timeouts":
			z.Timeouts = w.timeouts(v, k, words.ZoneTimeouts)
		case "helpers":
			z.Helpers = w.helpers(v)
		}
	})
	z.Pos = w.pos(n)
	z.Pos = z.At("name")
	w.zoneAction(&z)
	w.policy.Zones = append(w.policy.Zones, z)
	w.named.zones = append(w.named.zones, pool)
	w.namePerUplink(len(w.policy.Zones)-1, perUplink)
	w.partial.Zones = append(w.partial.Zones, w.broken)
}

// zoneAction fills in the action that was not written, and holds it against the keys
// that only make sense with another.
func (w *walker) zoneAction(z *policy.Zone) {
	at := func(key string) *yaml.Node {
		p := z.At(key)
		return &yaml.Node{Line: p.Line, Column: p.Col}
	}
	translated := z.Has("laddrs") || z.Has("map")
	switch {
	case z.Has("laddrs") && z.Has("map"):
		w.fail(at("map"), "Z13", "remove one of the two", "laddrs and map contradict each other")
	case z.Action == policy.Snat && !translated:
		w.fail(at("action"), "Z13", "add laddrs, or write action: masquerade", "the action snat needs laddrs")
	case z.Action != "" && z.Action != policy.Snat && translated:
		key := "laddrs"
		if z.Has("map") {
			key = "map"
		}
		w.fail(at("action"), "Z13", "remove "+key+", or write action: snat", "the action %s does not use %s", z.Action, key)
	case z.Action == "" && z.Has("action"):
		// reported already
	case z.Action == "" && translated:
		z.Action = policy.Snat
	case z.Action == "":
		z.Action = policy.Reject
	}
}

// prefix reads a prefix; one address counts as one.
func (w *walker) prefix(n *yaml.Node) inet.Range {
	r, ok := w.addresses(n)
	if !ok {
		return inet.Range{}
	}
	if _, ok := r.Prefix(); !ok {
		w.fail(n, "Z14", "", "%s is not a prefix", r)
		return inet.Range{}
	}
	return r
}

// protoPorts reads a list of "tcp/80", "udp/5000-5999", "sctp/*" and "icmp".
func (w *walker) protoPorts(n *yaml.Node) []inet.ProtoPorts {
	items := w.someItems(n, "ports like tcp/80")
	out := make([]inet.ProtoPorts, 0, len(items))
	var seen distinct[inet.ProtoPorts]
	for _, item := range items {
		text, ok := w.text(item, "a port like tcp/80")
		if !ok {
			continue
		}
		pp, err := inet.ParseProtoPorts(text)
		switch name, ports, cut := strings.Cut(text, "/"); {
		case err == nil && !seen.add(pp):
			w.fail(item, "N03", "remove one of the two", "%s is listed twice", text)
		case err == nil:
			out = append(out, pp)
		case cut && (name == "icmp" || name == "icmpv6"):
			w.fail(item, "Z09", "write "+name+" alone", "%s has no ports, but %q gives it one", name, text)
		case !cut && text != "" && text[0] >= '0' && text[0] <= '9':
			w.fail(item, "N03", "write tcp/"+text+" or udp/"+text, "%q has no protocol", text)
		case cut && notDecimal(ports) != "" && notDecimal(ports) != "it is text":
			w.fail(item, "N03", "write a plain decimal number", "%s is not a plain number: %s", ports, notDecimal(ports))
		default:
			w.badPorts(item, err)
		}
	}
	return out
}
