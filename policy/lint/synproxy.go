package lint

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// eachProxied calls f for every service that has a SYN proxy.
func (r *run) eachProxied(f func(s *policy.Service, object string)) {
	r.eachService(func(s *policy.Service, object string) {
		if s.SynProxy.On {
			f(s, object)
		}
	})
}

func proxiesSyn(r *run) bool { return r.ProxiesSyn() }

// ethernet is the MTU of networks that nobody has configured otherwise, in bytes (RFC 894), and
// tcpHeader the length of TCP's header without options.
const (
	ethernet  = 1500
	tcpHeader = 20
)

func largeSegments(r *run) {
	most := ethernet - inet.V4.HeaderLen() - tcpHeader
	r.eachProxied(func(s *policy.Service, object string) {
		if s.SynProxy.MSS > most {
			r.find(s.At("syn_proxy"), object, "write the MTU between gateway and clients less 40, or ignore this if it is that large all the way",
				"segments of %d bytes are larger than the %d that networks with an MTU of %d carry", s.SynProxy.MSS, most, ethernet)
		}
	})
}

func noTimestamps(r *run) {
	r.eachProxied(func(s *policy.Service, object string) {
		if !s.SynProxy.Timestamp {
			r.find(s.At("syn_proxy"), object, "take `timestamp: false` out if the real servers use timestamps, as nearly all do",
				"connections have neither window scale nor SACK: no more than 64 KB are under way, whatever wscale and sack say")
		}
	})
}

func notOffloaded(r *run) {
	if r.Gateway.Offload == policy.OffloadOff {
		return
	}
	r.eachProxied(func(s *policy.Service, object string) {
		r.find(s.At("syn_proxy"), object, "", "the kernel puts no connection that a SYN proxy has opened on a flowtable: gateway.offload does nothing for this service")
	})
}

// answeredElsewhere tells of gateways with several uplinks, whose SYN proxies answer by the table main.
func answeredElsewhere(r *run) {
	if len(r.Gateway.Routed) < 2 {
		return
	}
	r.eachProxied(func(s *policy.Service, object string) {
		r.find(s.At("syn_proxy"), object, "take syn_proxy out if clients come in by another uplink than that of the default route",
			"syn_proxy answers all clients by the host's default route, whichever uplink they come in by")
	})
}

func silentRefusals(r *run) {
	r.eachProxied(func(s *policy.Service, object string) {
		for _, key := range []string{"allow", "deny"} {
			if s.Has(key) {
				r.find(s.At(key), object, "refuse these sources in front of the gateway if it matters",
					"syn_proxy answers before `%s` is asked: refused clients see their connection open, and nothing after that", key)
				return
			}
		}
	})
}

// pickedUp finds a host on which SYN proxies do not work, since apply may not set what they need.
func pickedUp(r *run, h Host) {
	value, known := h.Sysctls[PickUpKey]
	if !known || value == "0" || r.Gateway.Sysctls {
		return
	}
	r.find(r.gatewayAt("sysctls"), "gateway", "sysctl -w "+dotted(PickUpKey)+"=0, or take `sysctls: false` out: then apply sets it",
		"%s is %s: conntrack picks up the segments that SYN proxies wait for, so no connection to a service with syn_proxy succeeds", dotted(PickUpKey), value)
}

// noWayToVIP finds VIPs that the kernel would not route to: the first route that holds one, by the
// length of its prefix, leads nowhere or there is none.
func noWayToVIP(r *run, h Host) {
	if h.Routes == nil || r.seesToAddresses() {
		return
	}
	r.eachProxied(func(s *policy.Service, object string) {
		lost := slices.IndexFunc(s.VIP, func(vip netip.Addr) bool { return !routed(h.Routes, vip) })
		if lost >= 0 {
			r.find(s.At("vip"), object, "write `addresses: routes` under gateway, or add a route to the VIP",
				"this host has no route to the VIP %s: the kernel drops its packets before syn_proxy could answer", s.VIP[lost])
		}
	})
}

// routed tells whether some route leads to an address.
func routed(routes []Route, a netip.Addr) bool {
	bits, leads := -1, false
	for _, route := range routes {
		if route.Dst.Contains(a) && route.Dst.Bits() > bits {
			bits, leads = route.Dst.Bits(), route.Interface != "" || route.Local
		}
	}
	return leads
}

func synProxyRules() []Rule {
	return []Rule{{
		Code: "S43", Severity: policy.Warning, check: answeredElsewhere,
		Title: "A SYN proxy answers clients of all uplinks by one of them.",
		Why: "A gateway with several uplinks remembers with each connection by which it came in. What a SYN proxy answers belongs to no connection yet, and what it " +
			"opens then is the gateway's own: both leave by the routes of the table main. A provider that drops sources which are not its own cuts off the clients of the others.",
	}, {
		Code: "S36", Severity: policy.Warning, check: largeSegments,
		Title: "A SYN proxy offers segments that are larger than the usual MTU.",
		Why: "Clients may send segments of the size that the proxy offers, whatever the real server would have said. If a network on the way carries less, their first " +
			"large segments are lost until path MTU discovery finds out, and with a firewall that drops ICMP for good.",
	}, {
		Code: "S37", Severity: policy.Info, check: noTimestamps,
		Title: "A SYN proxy without timestamps takes window scale and SACK from connections.",
		Why: "The cookie of a SYN proxy has room for the segment size alone. The client's window scale, and that it takes SACK, are kept in the " +
			"timestamp that it returns. Without timestamps there is neither, and long or lossy paths are slow.",
	}, {
		Code: "S38", Severity: policy.Info, check: notOffloaded,
		Title: "Connections of a SYN proxy are not offloaded.",
		Why: "The sequence numbers of the real server differ from those that the proxy has told the client, so each packet is changed for as long as " +
			"the connection lives. A flowtable cannot do that (nft_flow_offload_eval leaves flows with IPS_SEQ_ADJUST alone).",
	}, {
		Code: "S39", Severity: policy.Error, Live: true, live: pickedUp, about: proxiesSyn,
		Needs: Needs{Sysctls: []string{PickUpKey}},
		Title: "Conntrack picks up connections in the middle, which SYN proxies cannot have.",
		Why: "The segment by which a client returns the cookie must belong to no connection, so that the proxy gets it. With nf_conntrack_tcp_loose=1, the " +
			"kernel's default, conntrack takes it for one of a connection that it has not seen begin. apply sets it to 0, unless the gateway has `sysctls: false`.",
	}, {
		Code: "S40", Severity: policy.Warning, Live: true, live: noWayToVIP, about: proxiesSyn,
		Needs: Needs{Facts: Routes},
		Title: "There is no route to the VIP of a service with a SYN proxy.",
		Why: "Other services translate a packet before the kernel looks for its way. The segments that a SYN proxy answers go to the VIP itself, so there " +
			"must be a way to it: `gateway.addresses: routes` makes one, and a default route will do.",
	}, {
		Code: "S41", Severity: policy.Info, check: silentRefusals,
		Title: "A SYN proxy answers clients that `allow` or `deny` refuses.",
		Why: "The proxy completes the handshake first, and only then does the connection meet `allow` and `deny`. No refused client reaches a real server, but it " +
			"sees an open connection on which nothing comes, where it would else have got no answer at all.",
	}}
}
