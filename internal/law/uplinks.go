package law

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// setMark changes the mark of the packet or of its flow, of which a packet that belongs to none has none
// (nft_ct_set_eval).
func (w *walk) setMark(s nft.SetMark) bool {
	if s.Keep&s.Value != 0 {
		fail("%s keeps bits that it sets", s)
	}
	switch {
	case s.Of == nft.PacketMark:
		w.packetMark = w.packetMark&s.Keep | s.Value
	case !w.pkt.Invalid:
		w.mark = w.mark&s.Keep | s.Value
	}
	return true
}

// led holds the marks by which connections keep to their uplinks against the uplinks that the policy has.
func (l *Law) led(d *policy.Decision, pkt Packet, outcomes []Outcome) error {
	numbers := l.Policy.Gateway.Numbers()
	want := []uint32{0}
	switch {
	case d.Answers != "":
		want[0] = policy.UplinkMark(numbers[d.Answers]) | policy.UplinkCameIn
	case len(d.Uplinks) > 0:
		want = nil
		for _, name := range d.Uplinks {
			want = append(want, policy.UplinkMark(numbers[name]))
		}
	}
	got := make(map[uint32]bool)
	for _, o := range outcomes {
		flow, packet := o.FlowMark&policy.UplinkBits, pkt.Mark
		switch {
		case o.Answered:
			packet = 0 // the proxy opens the connection itself, without a mark
		case d.Chance != "":
			packet = packet&^policy.UplinkBits | policy.ChanceMark
		}
		if got[flow] = true; len(d.Uplinks) > 0 {
			packet = packet&^policy.UplinkBits | flow
		}
		if now := o.PacketMark; now != packet {
			return fmt.Errorf("the packet's mark %#x becomes %#x, its flow's is %#x", pkt.Mark, now, o.FlowMark)
		}
	}
	for _, m := range want {
		if !got[m] || len(got) != len(want) {
			return fmt.Errorf("the uplinks %q and that of answers %q have the marks %#x, the flow gets one of %#x", d.Uplinks, d.Answers, want, slices.Sorted(maps.Keys(got)))
		}
	}
	return nil
}

// uplinkNames are the uplinks of policies that have some as objects.
var uplinkNames = []string{"isp1", "isp2", "via-isp1"}

// uplinks draws uplinks that are objects.
func (g *maker) uplinks() string {
	g.routed = uplinkNames[:1+g.IntN(len(uplinkNames))]
	var list []string
	for i, name := range g.routed {
		next := g.pick("", "", ", gateway: 8.8.8.60", ", gateway: \"2001:db8:8::60\"", ", gateway: [8.8.8.60, \"2001:db8:8::60\"]")
		list = append(list, fmt.Sprintf("%s: {interface: %s, weight: %s%s}", name, []string{"wan0", "wan1", "ppp0"}[i], g.pick("0", "1", "1", "3"), next))
	}
	return "{" + strings.Join(list, ", ") + "}"
}

// choice draws what a zone says about uplinks; empty: nothing.
func (g *maker) choice() string {
	if len(g.routed) == 0 || g.often(40) {
		return ""
	}
	if g.often(30) {
		return ", uplink: balance"
	}
	names := slices.Clone(g.routed)
	g.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return ", uplink: [" + strings.Join(names[:1+g.IntN(len(names))], ", ") + "]"
}

// byUplink draws laddrs for each uplink.
func (g *maker) byUplink() string {
	var list []string
	for _, name := range g.routed {
		text, _, _ := strings.Cut(strings.TrimPrefix(first(g.source(false)), "laddrs: "), ", select")
		list = append(list, name+": "+text)
	}
	return "laddrs: {" + strings.Join(list, ", ") + "}" + g.pick("", "", ", select: random", ", select: flow", ", select: source-destination")
}

func first(text string, _ bool) string { return text }
