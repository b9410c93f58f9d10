package policy

import (
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// Translation is what a connection's source or destination becomes. The zero value, in a
// test, expects nothing.
type Translation struct {
	Word    string   // "none": it stays; "masquerade": the address of the interface left through; else empty
	Targets []Target // all that is possible
}

// Target is addresses with or without ports.
type Target struct {
	Range inet.Range
	Ports inet.PortRange // zero: any
}

// Destination returns what the destination may become.
func (d *Decision) Destination() (t Translation) {
	if len(d.DNAT) == 0 {
		return Translation{Word: "none"}
	}
	for _, to := range d.DNAT {
		t.Targets = append(t.Targets, Target{inet.AddrRange(to.Addr()), inet.PortRange{First: to.Port(), Last: to.Port()}})
	}
	return t
}

// Source returns what the source may become.
func (d *Decision) Source() (t Translation) {
	switch {
	case d.Masquerade:
		return Translation{Word: "masquerade"}
	case len(d.SNAT) == 0:
		return Translation{Word: "none"}
	}
	for _, r := range d.SNAT {
		t.Targets = append(t.Targets, Target{r, d.SNATPorts})
	}
	return t
}

// String returns the translation as tests write it.
func (t Translation) String() string {
	words := make([]string, len(t.Targets))
	for i, target := range t.Targets {
		words[i] = target.String()
	}
	return t.Word + strings.Join(words, ", ")
}

// mostListed is how many addresses of one range are listed one by one.
const mostListed = 256

// List lists every possible result: "192.168.1.1:80" or, where several ports are possible,
// "198.51.100.64:1024-2047"; "A-B" for a range of more than 256 addresses. It is empty where
// nothing is translated, and "masquerade" is written as that.
func (t Translation) List() []string {
	out := []string{}
	if t.Word == "masquerade" {
		out = append(out, t.Word)
	}
	for _, target := range t.Targets {
		r := target.Range
		if r.Count() > mostListed {
			out = append(out, withPorts(r.From.String()+"-"+r.To.String(), r.Family(), target.Ports))
			continue
		}
		for a := r.From; r.Contains(a); a = a.Next() {
			out = append(out, withPorts(a.String(), r.Family(), target.Ports))
		}
	}
	return out
}

// String returns the target as tests write it.
func (t Target) String() string { return withPorts(t.Range.String(), t.Range.Family(), t.Ports) }

// withPorts writes addresses with ports, where there are some.
func withPorts(addrs string, f inet.Family, ports inet.PortRange) string {
	switch {
	case ports.IsZero():
		return addrs
	case f == inet.V6:
		addrs = "[" + addrs + "]"
	}
	return addrs + ":" + ports.String()
}

// allows tells whether every possible result of got lies in t.
func (t Translation) allows(got Translation) bool {
	for _, g := range got.Targets {
		var rs []inet.Range
		for _, target := range t.Targets {
			if target.allowsPorts(g.Ports) {
				rs = append(rs, target.Range)
			}
		}
		if len(inet.Subtract([]inet.Range{g.Range}, rs)) > 0 {
			return false
		}
	}
	return t.Word == got.Word
}

// allowsPorts tells whether all of these ports lie in the target's. No ports are any.
func (t Target) allowsPorts(ports inet.PortRange) bool {
	return t.Ports.IsZero() || !ports.IsZero() && t.Ports.First <= ports.First && ports.Last <= t.Ports.Last
}
