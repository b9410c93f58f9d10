package policy_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// TestDecide sends packets through the policies of testdata/decide. Each archive is one
// policy, packets of one line each, and what becomes of them, by hand checked against the
// specification.
func TestDecide(t *testing.T) {
	golden.Run(t, "testdata/decide/*.txtar", func(t *testing.T, input []golden.File) []golden.File {
		p, ds := read.Parse([]policy.Source{policy.Source(input[0])})
		if len(ds) > 0 {
			t.Fatal(ds)
		}
		var out bytes.Buffer
		for line := range strings.Lines(string(input[1].Data)) {
			if line = strings.TrimSpace(line); line != "" {
				fmt.Fprintf(&out, "%s\n%s", line, decisionText(p.Decide(packet(t, p, line))))
			}
		}
		return []golden.File{{Name: "want", Data: out.Bytes()}}
	})
}

// packet reads "tcp 10.0.0.1:999 > 8.8.8.8:53 oif=wan0 iif=lan0 self". Without oif the packet
// leaves through an uplink.
func packet(t *testing.T, p *policy.Policy, line string) policy.Packet {
	t.Helper()
	words := strings.Fields(line)
	if len(words) < 4 || words[2] != ">" {
		t.Fatalf("%q is no packet", line)
	}
	proto, err := inet.ParseProto(words[0])
	if err != nil {
		n, err := strconv.ParseUint(words[0], 10, 8)
		if err != nil {
			t.Fatal(err)
		}
		proto = inet.Proto(n)
	}
	pkt := policy.Packet{Proto: proto, From: anyAddrPort(t, words[1]), To: anyAddrPort(t, words[3]), OIf: p.Gateway.AnyUplink()}
	for _, word := range words[4:] {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "iif":
			pkt.IIf = value
		case "oif":
			pkt.OIf = value
		case "self":
			pkt.Self = true
		default:
			t.Fatalf("%q is no part of a packet", word)
		}
	}
	return pkt
}

// anyAddrPort reads an address with or without port.
func anyAddrPort(t *testing.T, s string) netip.AddrPort {
	t.Helper()
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 0)
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		t.Fatal(err)
	}
	return ap
}

// decisionText writes a decision as the golden files hold it.
func decisionText(d policy.Decision) string {
	var b strings.Builder
	b.WriteString("    " + string(d.Verdict))
	if d.Service != "" {
		b.WriteString(" service=" + d.Service)
	}
	if d.Zone != "" {
		b.WriteString(" zone=" + d.Zone)
	}
	for _, to := range d.DNAT {
		b.WriteString(" dnat=" + to.String())
	}
	for _, r := range d.SNAT {
		b.WriteString(" snat=" + r.String())
	}
	if !d.SNATPorts.IsZero() {
		b.WriteString(" ports=" + d.SNATPorts.String())
	}
	if d.Masquerade {
		b.WriteString(" masquerade")
	}
	b.WriteString("\n")
	for _, step := range d.Steps {
		b.WriteString("        " + step + "\n")
	}
	return b.String()
}
