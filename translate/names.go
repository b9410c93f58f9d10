package translate

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// longestName is the language's limit.
const longestName = 63

// names gives names that are unique among objects of a kind. The zero value has given none.
type names map[string]int

// give returns a name like the one wished for. The same wishes in the same order get the same names.
func (n names) give(wish string) string {
	name := cleanName(wish)
	for {
		n[name]++
		if n[name] == 1 {
			return name
		}
		end := fmt.Sprintf("-%d", n[name])
		name = strings.TrimRight(name[:min(len(name), longestName-len(end))], "-._") + end
	}
}

// cleanName makes a name of any text: what names cannot have becomes a hyphen.
func cleanName(s string) string {
	var b strings.Builder
	for _, r := range s {
		ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		switch {
		case ok || (r == '.' || r == '_' || r == '-') && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0:
			b.WriteByte('-')
		}
		if b.Len() >= longestName {
			break
		}
	}
	name := strings.TrimRight(b.String(), "-")
	if name == "" || strings.EqualFold(name, policy.NoCheck) {
		return "x" + name
	}
	return name
}

// uses are words for ports that everybody knows, for names alone.
var uses = map[uint16]string{
	21: "ftp", 22: "ssh", 25: "mail", 53: "dns", 80: "web", 110: "pop3", 143: "imap", 389: "ldap", 443: "web", 465: "mail",
	587: "mail", 636: "ldap", 993: "imap", 995: "pop3", 1433: "mssql", 1812: "radius", 1813: "radius", 3306: "mysql", 3389: "rdp",
	5060: "sip", 5061: "sip", 5432: "postgres", 6379: "redis", 6443: "kube", 8080: "web", 8443: "web", 9200: "elastic", 11211: "memcached",
}

// serviceName is the name of a service that has none: web-203.0.113.10-tcp-80, or mark-7.
func serviceName(s *policy.Service) string {
	if s.ByMark() {
		return fmt.Sprintf("mark-%d", s.Mark)
	}
	var parts []string
	var ports inet.ProtoPorts
	if len(s.Ports) > 0 {
		ports = s.Ports[0]
	}
	use := "service"
	if word := uses[ports.Ports.First]; word != "" && ports.Ports.Single() {
		use = word
	}
	parts = append(parts, use)
	if len(s.VIP) > 0 {
		parts = append(parts, addressName(s.VIP[0]))
	}
	_, port, _ := strings.Cut(ports.String(), "/")
	if port == "*" {
		port = "all"
	}
	return strings.Join(append(parts, ports.Proto.String(), port), "-")
}

// addressName is an address as a part of a name, which has no colons.
func addressName(a netip.Addr) string { return strings.ReplaceAll(a.String(), ":", "-") }

// poolName is the name of a pool that has none: laddrs-198.51.100.1, and with its last address,
// if it has several.
func poolName(p *policy.Pool) string {
	if len(p.Laddrs) == 0 {
		return "laddrs"
	}
	first, last := p.Laddrs[0].Range.From, p.Laddrs[len(p.Laddrs)-1].Range.To
	if first == last {
		return "laddrs-" + addressName(first)
	}
	return "laddrs-" + addressName(first) + "-" + addressName(last)
}

// zoneName is the name of a zone that has none: zone-10.1.0.0-16.
func zoneName(z *policy.Zone) string {
	if len(z.From) == 0 {
		return "zone"
	}
	r := z.From[0]
	if p, ok := r.Prefix(); ok {
		return fmt.Sprintf("zone-%s-%d", addressName(p.Addr()), p.Bits())
	}
	return "zone-" + addressName(r.From) + "-" + addressName(r.To)
}
