package nstest

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Tuple is one direction of a conntrack entry. ICMP has no ports.
type Tuple struct{ Src, Dst netip.AddrPort }

// String returns "src > dst".
func (t Tuple) String() string { return t.Src.String() + " > " + t.Dst.String() }

// Flow is one conntrack entry as the conntrack tool lists it.
type Flow struct {
	Proto       string // "tcp", "udp", "icmp", "icmpv6", "sctp"
	State       string // "ESTABLISHED"; empty where the protocol has none
	Orig, Reply Tuple
	Unreplied   bool
	Raw         string // the line as listed
}

// SNAT tells whether the source is translated.
func (f Flow) SNAT() bool { return f.Reply.Dst != f.Orig.Src }

// DNAT tells whether the destination is translated.
func (f Flow) DNAT() bool { return f.Reply.Src != f.Orig.Dst }

// Flows lists the host's conntrack entries of both families, by the conntrack tool: an
// oracle that shares no code with snatctl.
func (h *Host) Flows(ctx context.Context) ([]Flow, error) {
	var flows []Flow
	for _, family := range []string{"ipv4", "ipv6"} {
		out, err := h.Output(ctx, "conntrack", "-L", "-f", family, "-o", "extended")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			f, err := parseFlow(strings.TrimSpace(line))
			if err != nil {
				return nil, err
			}
			flows = append(flows, f)
		}
	}
	return flows, nil
}

// FlushFlows forgets all conntrack entries of the host.
func (h *Host) FlushFlows(ctx context.Context) error {
	_, err := h.Output(ctx, "conntrack", "-F")
	return err
}

// parseFlow reads "ipv4 2 tcp 6 431999 ESTABLISHED src=… dst=… sport=… dport=… src=… …".
func parseFlow(line string) (Flow, error) {
	words := strings.Fields(line)
	if len(words) < 6 {
		return Flow{}, fmt.Errorf("conntrack lists %q", line)
	}
	f := Flow{Proto: words[2], Raw: line}
	var side [2]struct {
		addr [2]netip.Addr
		port [2]uint16
	}
	n := -1
	for _, w := range words[4:] {
		key, value, ok := strings.Cut(w, "=")
		var err error
		switch {
		case !ok && w == "[UNREPLIED]":
			f.Unreplied = true
		case !ok && strings.ToUpper(w) == w && w[0] >= 'A' && w[0] <= 'Z':
			f.State = w
		case key == "src" && n < 1:
			n++
			side[n].addr[0], err = netip.ParseAddr(value)
		case key == "dst":
			side[n].addr[1], err = netip.ParseAddr(value)
		case key == "sport", key == "dport":
			var p uint64
			p, err = strconv.ParseUint(value, 10, 16)
			side[n].port[strings.Index("sd", key[:1])] = uint16(p)
		}
		if err != nil {
			return Flow{}, fmt.Errorf("conntrack lists %q: %w", line, err)
		}
	}
	for i, t := range []*Tuple{&f.Orig, &f.Reply} {
		t.Src = netip.AddrPortFrom(side[i].addr[0], side[i].port[0])
		t.Dst = netip.AddrPortFrom(side[i].addr[1], side[i].port[1])
	}
	return f, nil
}
