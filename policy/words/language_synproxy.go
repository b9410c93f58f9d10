package words

import (
	"fmt"

	"github.com/snatctl/snatctl/policy"
)

var synProxy = policy.DefaultSynProxy()

// synProxyKeys are the keys of a service's SYN proxy.
var synProxyKeys = []Keyword{
	{Path: "services[].syn_proxy", Kind: aBoolean, Or: aMapping, Default: "false",
		Meaning: "Whether the gateway answers TCP handshakes itself, with cookies, so that only clients that complete theirs reach a real server: a flood of SYNs from forged sources makes no connections, neither there nor in conntrack. What the gateway offers to clients is what every real server must be able to do; a mapping says it, `true` is short for one with the defaults. Connections of the gateway itself are not proxied. The host needs a route to the VIP (`gateway.addresses` makes one), and apply sets net.netfilter.nf_conntrack_tcp_loose to 0.",
		Example: "true", Errors: []string{"N03", "S35", "S42"}},
	{Path: "services[].syn_proxy.mss", Kind: aNumber, Min: 536, Max: 65495, Default: fmt.Sprint(synProxy.MSS),
		Meaning: "The largest TCP segment that real servers take over IPv4, in bytes: the MTU of their network less 40. Clients over IPv6 are offered 20 less.",
		Example: "1380", Errors: []string{"N03"}},
	{Path: "services[].syn_proxy.wscale", Kind: aNumber, Min: 0, Max: 14, Default: fmt.Sprint(synProxy.WScale),
		Meaning: "The window scale of real servers (RFC 7323). Linux derives it from the largest value of net.ipv4.tcp_rmem: 7 with the usual 6 MB. If a real server has another one, clients see its window too small or too large.",
		Example: "10", Errors: []string{"N03"}},
	{Path: "services[].syn_proxy.timestamp", Kind: aBoolean, Default: fmt.Sprint(synProxy.Timestamp),
		Meaning: "Whether real servers use TCP timestamps. Cookies keep a client's window scale and SACK in the timestamp, so without it connections have neither.",
		Example: "false", Errors: []string{"N03"}},
	{Path: "services[].syn_proxy.sack", Kind: aBoolean, Default: fmt.Sprint(synProxy.Sack),
		Meaning: "Whether real servers take selective acknowledgements (RFC 2018).",
		Example: "false", Errors: []string{"N03"}},
}
