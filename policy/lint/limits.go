package lint

import (
	"fmt"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// limitRules are the rules about limits.
func limitRules() []Rule {
	return []Rule{{
		Code: "L02", Severity: policy.Warning, check: limitOfClientReachesAll,
		Title: "One client may have as many connections as all together.",
		Why: "`connections_per_client` keeps places for others only if it is smaller than `connections`. Otherwise one client takes all places, and the " +
			"limit by client never refuses anything.",
	}, {
		Code: "L03", Severity: policy.Info, check: limitByWholeAddress,
		Title: "Limits by client take every IPv6 address for a client of its own.",
		Why: "An IPv6 client usually has a /64, and 2^64 addresses to call from: as many clients as it likes. `mask6: 64` counts them as one. Providers " +
			"give customers a /56 or a /48, too. `mask6: 128`, the default, is right where clients are known to have one address.",
	}, {
		Code: "L04", Severity: policy.Info, check: limitOfAllAlone,
		Title: "Connections are limited in all, and not by client.",
		Why: "The first client that opens enough connections takes all places, and everybody else is refused: the limit protects the real servers, and helps the " +
			"flood against the other clients. With `connections_per_client` or `new_per_client` beside it a flood from few addresses leaves room for others.",
	}, {
		Code: "L05", Severity: policy.Warning, check: limitWithShortBurst,
		Title: "The burst of a limit is less than a tenth of a second of its rate.",
		Why: "Clients open connections in clumps, and packets arrive in clumps. What comes at once beyond `burst` is refused, however far below the rate a client is over the " +
			"whole second. The default of `burst` is 5.",
	}}
}

// eachLimits calls fn for what has limits, with the place of these, and whether it has IPv6 clients.
func (r *run) eachLimits(fn func(l *policy.Limits, at policy.Pos, object string, ipv6 bool)) {
	r.eachService(func(s *policy.Service, object string) {
		if s.Limits.Any() {
			fn(&s.Limits, s.At("limits"), object, s.Called(inet.V6))
		}
	})
	r.eachZone(func(z *policy.Zone, object string) {
		if z.Limits.Any() {
			fn(&z.Limits, z.At("limits"), object, len(inet.Of(inet.V6, z.From)) > 0)
		}
	})
}

func limitOfClientReachesAll(r *run) {
	r.eachLimits(func(l *policy.Limits, at policy.Pos, object string, _ bool) {
		if l.Connections > 0 && l.PerClient >= l.Connections {
			r.find(at, object, "write a smaller connections_per_client",
				"connections_per_client %d is not smaller than connections %d: one client may take all places", l.PerClient, l.Connections)
		}
	})
}

func limitByWholeAddress(r *run) {
	r.eachLimits(func(l *policy.Limits, at policy.Pos, object string, ipv6 bool) {
		if ipv6 && l.ByClient() && l.Mask6 > 64 {
			r.find(at, object, "add mask6: 64", "an IPv6 client with a /64 has as many limits as addresses")
		}
	})
}

func limitOfAllAlone(r *run) {
	r.eachLimits(func(l *policy.Limits, at policy.Pos, object string, _ bool) {
		if l.Connections > 0 && !l.ByClient() {
			r.find(at, object, "add connections_per_client or new_per_client", "one client may take all %d connections", l.Connections)
		}
	})
}

func limitWithShortBurst(r *run) {
	r.eachLimits(func(l *policy.Limits, at policy.Pos, object string, _ bool) {
		if tenth := l.New.Count / 10; l.New.Per == time.Second && l.Burst < tenth {
			r.find(at, object, fmt.Sprintf("write a burst of %d or more", tenth),
				"at %s, clients that open more than %d connections at once are refused", l.New, l.Burst)
		}
	})
}
