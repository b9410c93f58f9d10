package words

import (
	"slices"
	"strings"
)

// ValidName tells whether s is [A-Za-z0-9][A-Za-z0-9._-]{0,62}; by hand, because a
// regular expression would cost more than all else that is done with a name.
func ValidName(s string) bool {
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

// TableForm tells whether s has the form of a table's name: a letter or underscore, and 31 at most
// of letters, digits and _ . - behind it. It may still be a keyword.
func TableForm(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '.' && c != '-') {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 32
}

// NFTKeyword tells whether nft would take s for one of its keywords.
func NFTKeyword(s string) bool { return slices.Contains(nftKeywords, s) }

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
