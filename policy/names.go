package policy

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/inet"
)

var tableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,31}$`)

// objectName reads the name of a zone, service or pool.
func (w *walker) objectName(n *yaml.Node) (string, bool) {
	text, ok := w.text(n, "a name")
	if !ok {
		return "", false
	}
	if v, _ := w.value(n); isPlain(v) && (v.Value == "true" || v.Value == "false") {
		w.fail(n, "N03", "put it in quotes if it is the name", "wants a name, not %s", text)
		return "", false
	}
	if !validName(text) {
		w.fail(n, "N01", "a name begins with a letter or digit and goes on with letters, digits, dots, underscores and dashes, 63 at most", "%q is not a name", text)
		return "", false
	}
	return text, true
}

// validName tells whether s is [A-Za-z0-9][A-Za-z0-9._-]{0,62}; by hand, because a
// regular expression would cost more than all else that is done with a name.
func validName(s string) bool {
	if len(s) == 0 || len(s) > 63 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}

// nameOf returns the name in a mapping without a report, for what is said about the
// object before its name is reached.
func nameOf(n *yaml.Node) string {
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k, v := n.Content[i], n.Content[i+1]; k.Value == "name" {
			if v.Kind == yaml.AliasNode {
				v = v.Alias
			}
			if v.Kind == yaml.ScalarNode && !isNull(v) {
				return v.Value
			}
		}
	}
	return ""
}

// interfaces reads a list of interface names, "ppp*" for a prefix.
func (w *walker) interfaces(n *yaml.Node) []string {
	items := w.someItems(n, "a list of interface names")
	out := make([]string, 0, len(items))
	var seen distinct[string]
	for _, item := range items {
		name, ok := w.iface(item, true)
		switch {
		case ok && !seen.add(name):
			w.fail(item, "N01", "remove one of the two", "the interface %q stands twice", name)
		case ok:
			out = append(out, name)
		}
	}
	return out
}

// iface reads one interface name. The rules are the kernel's (dev_valid_name in
// net/core/dev.c): 1 to 15 bytes, no white space, slash or colon, not "." or "..".
func (w *walker) iface(n *yaml.Node, wildcard bool) (string, bool) {
	name, ok := w.text(n, "an interface name")
	if !ok {
		return "", false
	}
	stem, star := strings.CutSuffix(name, "*")
	switch {
	case strings.Contains(stem, "*"):
		w.fail(n, "N01", "", "in the interface name %q a * stands before the end", name)
	case star && !wildcard:
		w.fail(n, "N01", "name the one interface that the packet passes", "%q stands for many interfaces", name)
	case star && stem == "":
		w.fail(n, "N01", "leave the key out: absent means any interface", "%q stands for every interface", name)
	case len(name) > 15:
		w.fail(n, "N01", "", "the interface name %q is longer than 15 characters", name)
	case stem == "" || name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n\r\v\f\""):
		w.fail(n, "N01", "", "%q is not an interface name", name)
	default:
		return name, true
	}
	return "", false
}

// tableName reads the name of the nftables table.
func (w *walker) tableName(n *yaml.Node, into *string) {
	name, ok := w.text(n, "a table name")
	switch {
	case !ok:
	case !tableForm.MatchString(name):
		w.fail(n, "N01", "it begins with a letter or underscore and goes on with letters, digits, underscores, dots and dashes, 32 at most", "%q is not a table name", name)
	case slices.Contains(nftKeywords, name):
		w.fail(n, "N01", "choose another, such as snatctl_"+name, "nft takes the table name %q for a keyword", name)
	default:
		*into = name
	}
}

// nftKeywords are the words that cannot name a table in a script for `nft -f`: the
// keywords of nftables' src/scanner.l (1.0.6 to 1.1.x) that have the form of a name.
var nftKeywords = strings.Fields(`
	abbreviations accept add addr ah all and arp at auto base bridge broadcast burst bypass bytes
	ce cgroup cgroupv2 chain chains chunk code comment comp compatibility concat config constant continue cookie
	count counter counters cpu create cwr daddr dccp day debug define delete describe destroy devgroup device devices
	dnat dport drop dscp dst dup dynamic ecn ecn-echo echo element elements eq error esp ether events exists
	expectation export exthdr fanout fib fin flags flow flowlabel flowtable flowtables flush frag frag-off from fully-random
	fwd ge geneve global goto gre gretap gt group handle hash hbh helper helpers hook hoplimit hour htype
	ibriport ibrname icmp icmpv6 icmpx id iif iifgroup iifname iiftype igmp immediate import in include inet inet_proto ingress
	inner input insert interval invert ip ip6 ipsec jhash json jump key l4proto label last le length level limit limits
	lladdr list log lshift lt lsrr mac map maps mark masquerade mask max max-delay maxseg maxtype md5sig meta meter meters mh
	minute missing mobility monitor month mptcp mss mtu nat nd netdev neq network never new nexthdr nexthop nftrace no
	not num numgen obriport obrname obsolete octets offload offset oif oifgroup oifname oiftype on oneway optimize option options or
	original out output over packets parameter-problem performance persistent pkttype policy postrouting prefix prerouting priority
	proto protocol proto-dst proto-src ptr-field quantum queue quota quotas random raw rate ray reading redefine redirect reject
	related rename reply reqid request reset return route router rr rshift rst rt rt0 rt2 rt4 rtclassid rule rules ruleset sack
	sack-perm sack-permitted saddr sctp sd sec second seconds secmark secmarks segleft seq sequence set sets size skgid skuid slot snaplen
	snat socket spi sport spnum srh ssrr state stateless status statement stop string symhash syn synproxy synproxys
	syncookie table tables tag tcp tcpopt tc th time timeout timeouts timestamp to tos total transparent tproxy tsecr tsval ttl
	type typeof udp udplite unbypass undefine update up urgent urgptr usec using value verdict version vlan vmap vrf vtag vxlan
	window wildcard wscale xml xor year`)

// isAddresses tells whether a text reads as an address, range or prefix.
func isAddresses(s string) bool {
	_, err := inet.ParseRange(s)
	return err == nil
}
