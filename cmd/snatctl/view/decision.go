package view

import (
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
)

// explanation is a decision as JSON.
type explanation struct {
	Service *string       `json:"service"`
	Zone    *string       `json:"zone"`
	Verdict policy.Action `json:"verdict"`
	DNAT    []string      `json:"dnat"`
	SNAT    []string      `json:"snat"`
	Helper  string        `json:"helper,omitempty"`  // of the kernel, that reads the connection
	Uplinks []string      `json:"uplinks,omitempty"` // of policies with uplinks by name alone
	Answers string        `json:"answers,omitempty"` // likewise
	Reason  string        `json:"reason"`
}

// DecisionJSON prints what becomes of a packet.
func DecisionJSON(w io.Writer, d *policy.Decision) error { return JSON(w, explanationOf(d)) }

func explanationOf(d *policy.Decision) explanation {
	e := explanation{Verdict: d.Verdict, DNAT: d.Destination().List(), SNAT: d.Source().List(), Helper: d.Helper, Uplinks: d.Uplinks, Answers: d.Answers, Reason: d.Reason}
	if d.Service != "" {
		e.Service = &d.Service
	}
	if d.Zone != "" {
		e.Zone = &d.Zone
	}
	return e
}

// Decision prints it for people, with the packet and step by step.
func Decision(w io.Writer, pkt policy.Packet, d *policy.Decision) {
	fmt.Fprintln(w, packetText(pkt))
	for i, step := range d.Steps {
		fmt.Fprintf(w, "  %d. %s\n", i+1, plain.Text(step))
	}
	fmt.Fprintf(w, "verdict: %s\n", d.Verdict)
	if d.Verdict == policy.Accept {
		fmt.Fprintf(w, "dnat:    %s\nsnat:    %s\n", d.Destination(), d.Source())
		if len(d.Uplinks) > 0 {
			fmt.Fprintf(w, "uplink:  %s\n", strings.Join(d.Uplinks, ", "))
		}
		if d.Answers != "" {
			fmt.Fprintf(w, "answers: by %s\n", d.Answers)
		}
	}
}

// packetText writes a packet as people do.
func packetText(pkt policy.Packet) string {
	text := fmt.Sprintf("%s from %s to %s", pkt.Proto, endpointText(pkt.From), endpointText(pkt.To))
	if pkt.Self {
		text += ", the gateway's own"
	}
	if pkt.Mark != 0 {
		text += fmt.Sprintf(", with the mark %d", pkt.Mark)
	}
	if pkt.IIf != "" {
		text += ", entering through " + plain.Text(pkt.IIf)
	}
	if pkt.OIf != "" {
		text += ", leaving through " + plain.Text(pkt.OIf)
	}
	return text
}

// endpointText is an address with its port, if there is one: a real server may have none of its own.
func endpointText(ap netip.AddrPort) string {
	if ap.Port() == 0 {
		return ap.Addr().String()
	}
	return ap.String()
}
