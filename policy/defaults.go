package policy

import "time"

// What absent keys mean. The table of the language (policy/words) quotes these, and whoever
// makes a policy in code begins with them.
const (
	DefaultWeight       = 1 // of a real server
	DefaultLaddrWeight  = 1
	DefaultUplinkWeight = 1
)

// DefaultGateway is the gateway of a policy that does not mention it.
func DefaultGateway() Gateway {
	return Gateway{Table: "snatctl", Unmatched: Accept, Invalid: Drop, Cleanup: CleanupStale, Forwarding: true, Sysctls: true, Offload: OffloadOff, Addresses: Addresses{Mode: AddressesNone}, RoutingTables: Tables{20000, 20099}}
}

// DefaultUplinkCheck is a check of an uplink of which nothing is written yet but its type. A way that was
// dead comes back later than it goes: one that comes and goes takes flows with it each time.
func DefaultUplinkCheck(t CheckType) UplinkCheck {
	return UplinkCheck{Type: t, Interval: time.Second, Timeout: time.Second, Rise: 10, Fall: 3}
}

// DefaultFleet is the fleet of a policy that does not mention it.
func DefaultFleet() Fleet { return Fleet{Mode: ActiveActive} }

// DefaultZone is a zone of which nothing is written yet. Its action follows from the other
// keys: Snat beside laddrs or a map, else Reject.
func DefaultZone() Zone { return Zone{Select: SelectSource} }

// DefaultService is a service of which nothing is written yet.
func DefaultService() Service {
	return Service{Mode: NAT, Scheduler: RoundRobin, Select: SelectSource, OnEmpty: EmptyReject, Quorum: Quorum{Count: 1}, OnDown: DownAuto}
}

// DefaultPersistence is a persistence whose timeout is not written yet: every address is a
// client of its own.
func DefaultPersistence() Persistence { return Persistence{Mask4: 32, Mask6: 128} }

// DefaultLimits is limits of which nothing is written yet. Five connections may come at once, as
// nft's own limits have it.
func DefaultLimits() Limits { return Limits{Burst: 5, Action: Drop, Mask4: 32, Mask6: 128} }

// DefaultSynProxy is a SYN proxy of which nothing is written yet: an Ethernet's segment size, and the
// window scale that Linux has with its default net.ipv4.tcp_rmem.
func DefaultSynProxy() SynProxy {
	return SynProxy{On: true, MSS: 1460, WScale: 7, Timestamp: true, Sack: true}
}

// DefaultHealthCheck is a health check of which nothing is written yet but its type.
func DefaultHealthCheck(t CheckType) HealthCheck {
	c := HealthCheck{Type: t, Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 3}
	switch t {
	case CheckHTTP, CheckHTTPS:
		c.Method, c.Path, c.Status = "GET", "/", []StatusRange{{200, 399}}
	case CheckDNS:
		c.Record, c.Rcode = "A", "NOERROR"
	}
	return c
}
