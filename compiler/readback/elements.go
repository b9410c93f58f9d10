package readback

import (
	"net/netip"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// setRanges returns what a zone's set of addresses holds.
func setRanges(find func(name string) *nft.Set, kind layout.Kind, of layout.Object) []inet.Range {
	var out []inet.Range
	for _, f := range inet.Families {
		if s := find(layout.Name{Kind: kind, Family: f, Object: of}.String()); s != nil {
			for _, e := range s.Elements {
				if x, ok := keyRange(e); ok {
					out = append(out, x)
				}
			}
		}
	}
	return inet.Merge(out)
}

// poolRanges returns the addresses that the map of a pool's chain holds.
func poolRanges(s *nft.Set) []inet.Range {
	if s == nil {
		return nil
	}
	var out []inet.Range
	for _, e := range s.Elements {
		if a, ok := netip.AddrFromSlice([]byte(e.Data)); ok {
			out = append(out, inet.AddrRange(a))
		}
	}
	return inet.Merge(out)
}

// keyRange returns the addresses that an element is found by; false: its key is no range.
func keyRange(e nft.Element) (inet.Range, bool) {
	from, ok := netip.AddrFromSlice([]byte(e.Key))
	to, ok2 := netip.AddrFromSlice([]byte(e.KeyEnd))
	return inet.Range{From: from, To: to}, ok && ok2
}

// firstRange returns the addresses that come first in a key of several members, or behind a mark.
func firstRange(s *nft.Set, e *nft.Element) (inet.Range, bool) {
	from, end := 0, e.KeyEnd
	if end == "" {
		end = e.Key
	}
	source := s.Key[0]
	if source == nft.FwMark && len(s.Key) > 1 {
		from, source = source.Width(), s.Key[1]
	}
	to := from + source.Width()
	return keyRange(nft.Element{Key: e.Key[from:to], KeyEnd: end[from:to]})
}

// excludedBy returns the zone whose list of excluded destinations a verdict leads to.
func excludedBy(v nft.Verdict) layout.Object {
	n, _ := layout.ParseChain(v.Chain)
	return n.Object
}

// SchedulerOf tells the scheduler, or what an empty service does, from where its VIPs lead.
func SchedulerOf(v nft.Verdict) string {
	switch {
	case v.Kind == nft.Accept:
		return "no real servers: pass"
	case v.Kind == nft.Drop:
		return "no real servers: drop"
	case v.Chain == layout.ChainRefused.String():
		return "no real servers: reject"
	}
	name, _, _ := strings.Cut(v.Chain, "-")
	return strings.TrimRight(name, "46")
}

// familyOf returns the family of what a map is about.
func familyOf(s *nft.Set) inet.Family {
	if len(s.Key) > 0 && s.Key[0] == nft.FwMark { // which no key tells then
		n, _ := layout.ParseSet(s.Name)
		return n.Family
	}
	if len(s.Key) > 0 && s.Key[0] == nft.IPv6 {
		return inet.V6
	}
	return inet.V4
}

// dataRange reads the addresses and ports of an element whose data is a range.
func dataRange(s *nft.Set, e *nft.Element) (addrs inet.Range, ports inet.PortRange, ok bool) {
	if !s.Data.IsInterval() || len(e.Data) != s.Data.Width() {
		return addrs, ports, false
	}
	half, w := len(e.Data)/2, s.Data.Members()[0].Width()
	addrs.From, _ = netip.AddrFromSlice([]byte(e.Data[:w]))
	addrs.To, _ = netip.AddrFromSlice([]byte(e.Data[half : half+w]))
	if half > w {
		ports = inet.PortRange{First: portAt(e.Data, w), Last: portAt(e.Data, half+w)}
	}
	return addrs, ports, !addrs.To.Less(addrs.From)
}
