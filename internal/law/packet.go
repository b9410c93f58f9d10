package law

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Packet is the first packet of a connection, or one that belongs to none (Invalid).
type Packet struct {
	policy.Packet
	Junk uint16 // what is where other protocols have ports; a rule must not mistake it for one
}

// String returns the packet as ParsePacket reads it.
func (p Packet) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s > %s", p.Proto, p.From, p.To)
	if p.IIf != "" {
		fmt.Fprintf(&b, " iif %s", p.IIf)
	}
	if p.OIf != "" {
		fmt.Fprintf(&b, " oif %s", p.OIf)
	}
	if p.Junk != 0 {
		fmt.Fprintf(&b, " junk %d", p.Junk)
	}
	if p.Mark != 0 {
		fmt.Fprintf(&b, " mark %#x", p.Mark)
	}
	if p.Self {
		b.WriteString(" self")
	}
	if p.Invalid {
		b.WriteString(" invalid")
	}
	return b.String()
}

// ParsePacket reads "tcp 10.0.0.1:1024 > 8.8.8.8:53 iif lan0 oif wan0 mark 0x7 self invalid".
func ParsePacket(s string) (Packet, error) {
	var p Packet
	words := strings.Fields(s)
	if len(words) < 4 || words[2] != ">" {
		return p, fmt.Errorf("%q is no packet", s)
	}
	proto, err := inet.ParseProto(words[0])
	if n, notNumber := strconv.ParseUint(words[0], 10, 8); notNumber == nil {
		proto, err = inet.Proto(n), nil
	}
	from, errFrom := netip.ParseAddrPort(words[1])
	to, errTo := netip.ParseAddrPort(words[3])
	if err := cmp.Or(err, errFrom, errTo); err != nil {
		return p, fmt.Errorf("%q is no packet: %w", s, err)
	}
	p.Proto, p.From, p.To = proto, from, to
	for rest := words[4:]; len(rest) > 0; {
		switch {
		case rest[0] == "self":
			p.Self = true
			rest = rest[1:]
			continue
		case rest[0] == "invalid":
			p.Invalid = true
			rest = rest[1:]
			continue
		case len(rest) == 1:
			return p, fmt.Errorf("%q: nothing behind %q", s, rest[0])
		case rest[0] == "iif":
			p.IIf = rest[1]
		case rest[0] == "oif":
			p.OIf = rest[1]
		case rest[0] == "junk":
			n, err := strconv.ParseUint(rest[1], 10, 16)
			if err != nil {
				return p, fmt.Errorf("%q: %w", s, err)
			}
			p.Junk = uint16(n)
		case rest[0] == "mark":
			n, err := strconv.ParseUint(rest[1], 0, 32)
			if err != nil {
				return p, fmt.Errorf("%q: %w", s, err)
			}
			p.Mark = uint32(n)
		default:
			return p, fmt.Errorf("%q: nobody knows %q", s, rest[0])
		}
		rest = rest[2:]
	}
	return p, nil
}
