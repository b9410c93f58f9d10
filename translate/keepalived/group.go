package keepalived

import (
	"net/netip"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// mostVIPs is how many addresses a line of a virtual_server_group may stand for. Every VIP is an
// element of the table and a line of the policy.
const mostVIPs = 4096

// group is a virtual_server_group.
type group struct{ at []endpoint }

// kinds are what names are given to, by their keywords.
var kinds = map[string]string{"virtual_server_group": "group", "local_address_group": "laddrs", "deny_address_group": "list", "allow_address_group": "list"}

// use notes that something in the policy comes of a group of a kind.
func (k *translator) use(kind, name string) { k.used[kind+" "+name] = true }

// unused reports the groups that nothing comes of.
func (k *translator) unused() {
	for _, s := range k.named {
		if !k.used[kinds[s.Word(0)]+" "+s.Word(1)] {
			k.lose("M266", "", s)
		}
	}
}

// group reads a virtual_server_group: addresses, ranges of them, and marks.
func (k *translator) group(s *Statement) {
	k.block(s, 2)
	g := new(group)
	k.groups[s.Word(1)] = g
	for _, b := range s.Body {
		if b.Word(0) == "fwmark" {
			k.mark(b, g)
			continue
		}
		vips, code := k.vipRange(b.Word(0))
		port, ok := portOf(b.Word(1))
		if code == "" && !ok {
			code = "M207"
		}
		if code != "" {
			k.report(code, "", b)
			continue
		}
		k.whole(b, 2)
		g.at = append(g.at, endpoint{vips: vips, ports: port, from: b})
	}
}

// mark reads a mark of a group. Its family, where it has one, is that of the real servers or it takes nothing.
func (k *translator) mark(b *Statement, g *group) {
	n, ok := markOf(b.Word(1))
	if !ok {
		k.report("M207", "", b)
		return
	}
	k.whole(b, 3)
	g.at = append(g.at, endpoint{mark: n, from: b})
}

// vipRange reads the addresses of one line of a group: one, A.B.C.D-E, A-B, or A/len. The code says what is wrong.
func (k *translator) vipRange(text string) (vips []netip.Addr, code string) {
	r, code := addresses(text)
	if code != "" {
		return nil, code
	}
	for a := r.From; ; a = a.Next() {
		if len(vips) == mostVIPs {
			return nil, "M226"
		}
		vips = append(vips, a)
		if a == r.To {
			return vips, ""
		}
	}
}

// list is a deny_address_group or allow_address_group.
type list struct {
	ranges []inet.Range
	empty  bool // nothing is written in it, so that it stops nobody
}

// list reads a list of sources.
func (k *translator) list(s *Statement) {
	k.block(s, 2)
	l := &list{empty: len(s.Body) == 0}
	k.lists[s.Word(1)] = l
	for _, b := range s.Body {
		if strings.HasPrefix(b.Word(0), "ipset:") || b.Word(0) == "ipset" {
			k.report("M042", "", b)
			continue
		}
		r, code := addresses(b.Word(0))
		if code != "" {
			k.report(code, "", b)
			continue
		}
		k.whole(b, 1)
		l.ranges = append(l.ranges, r)
	}
}

// pool reads a local_address_group. A device behind an address, of DPVS, is left out.
func (k *translator) pool(s *Statement) {
	k.block(s, 2)
	p := &translate.Pool{Pool: policy.Pool{Name: s.Word(1)}}
	k.pools[s.Word(1)] = p
	for _, b := range s.Body {
		text, n := b.Word(0), 1
		if text == "ip" { // ip ADDRESS DEVICE
			text, n = b.Word(1), 2
		}
		if host, bits, some := strings.Cut(text, "/"); some && bits != "32" && bits != "128" && strings.IndexByte(bits, '.') < 0 {
			// An address as ip(8) writes it: the prefix is the interface's, the laddr is one.
			text = host
			k.ReportAs("M227", b.Text, "", b.Refs[n-1])
		}
		r, code := addresses(text)
		if code != "" {
			k.report(code, "", b)
			continue
		}
		k.Whole(b.Refs[:n]...)
		if _, another := addresses(b.Word(n)); len(b.Refs) > n && another == "" {
			k.Report("M206", "", b.Refs[n:]...)
		} else if len(b.Refs) > n {
			k.ReportAs("M040", b.Text, "", b.Refs[n:]...)
		}
		p.Laddrs = append(p.Laddrs, policy.Laddr{Range: r, Weight: policy.DefaultLaddrWeight})
		p.Origins = append(p.Origins, translate.Origin{Place: b.At, Text: b.Text})
	}
}
