package translate

import "slices"

// Fate is what becomes of a construct. A larger one is worse.
type Fate int

// The fates. The zero value is none: nobody has looked at the construct.
const (
	Whole   Fate = iota + 1 // the policy says the same
	Changed                 // the policy says something like it
	Lost                    // the policy does not say it
)

// String returns the fate as reports and documents have it.
func (f Fate) String() string { return [...]string{"", "whole", "changed", "lost"}[f] }

// The severities of gaps.
const (
	Warning = "warning"
	Info    = "info" // packets fare as before, or the operator has to do something
)

// Construct is a row of the table of all that old configurations can say.
type Construct struct {
	Code    string // of reports; empty: always carried over whole
	Written string // how old configurations write it
	Of      string // whose it is: "ipvsadm", "keepalived", "both", or a list of dialects
	Fate    Fate
	Becomes string // what stands for it in the policy, or what to do instead
	Loses   string // what is lost; may be empty
	Check   string // what to do before switching over; may be empty
	Quiet   bool   // packets fare as before: reports have it for information
}

// Severity returns the severity of reports about the construct.
func (c *Construct) Severity() string {
	if c.Quiet {
		return Info
	}
	return Warning
}

// Unknown is the code of words that a reader does not understand.
const Unknown = "M001"

// Constructs returns the whole table, in the order of docs/migrate.md.
func Constructs() []Construct { return slices.Concat(shared, ofIPVSADM, ofKeepalived) }

// codes finds rows by their codes.
var codes = func() map[string]*Construct {
	all := make(map[string]*Construct)
	for _, c := range Constructs() {
		if c.Code != "" {
			all[c.Code] = &c
		}
	}
	return all
}()

// find returns the row of a code. A code that is not in the table is a mistake of a reader; what
// it is about is reported all the same.
func find(code string) *Construct {
	if c := codes[code]; c != nil {
		return c
	}
	return &Construct{Code: code, Fate: Lost, Becomes: "it is left out"}
}

func fateOf(code string) Fate { return find(code).Fate }

// shared are the constructs that both readers know.
var shared = []Construct{
	{Code: Unknown, Written: "anything else", Of: "both", Fate: Lost,
		Becomes: "it is not understood, and left out"},
	{Code: "M002", Written: "blanks, hyphens and quotes of other alphabets (U+3000, en dash); prompts before commands", Of: "both", Fate: Changed, Quiet: true,
		Becomes: "it is read as the plain letter that it stands for"},
	{Code: "M003", Written: "what the policy language refuses", Of: "both", Fate: Lost,
		Becomes: "it is left out, because the language refuses it"},
	{Code: "M004", Written: "what a later line takes back or says anew", Of: "both", Fate: Changed, Quiet: true,
		Becomes: "the later line decides"},
	{Code: "M005", Written: "host names, for addresses", Of: "both", Fate: Lost,
		Becomes: "it is left out: a policy has addresses only; write the address"},

	{Written: "rr, wrr, sh, dh, mh", Of: "both", Fate: Whole, Becomes: "`scheduler`; hashes give other servers to the same client"},
	{Code: "M010", Written: "lc, wlc", Of: "both", Fate: Whole, Quiet: true,
		Becomes: "scheduler lc or wlc, which `snatctl agent` keeps by live connections; without an agent it acts as wrr",
		Check:   "run `snatctl agent`: schedulers lc and wlc need it"},
	{Code: "M011", Written: "sed, nq, twos", Of: "both", Fate: Changed,
		Becomes: "scheduler wlc", Loses: "the exact choice among servers with few connections"},
	{Code: "M012", Written: "lblc, lblcr", Of: "both", Fate: Changed,
		Becomes: "scheduler dh: a destination keeps its server", Loses: "moving destinations away from a busy server"},
	{Code: "M013", Written: "fo", Of: "both", Fate: Changed,
		Becomes: "the servers of the highest weight take all connections; the others are sorry servers, which take over when a health check says that those are down",
		Check:   "run `snatctl agent`, with a health check for each service that had scheduler fo"},
	{Code: "M014", Written: "ovf", Of: "both", Fate: Changed,
		Becomes: "scheduler wlc", Loses: "filling the first server before the next gets any"},
	{Code: "M015", Written: "conhash", Of: "both", Fate: Changed,
		Becomes: "scheduler mh, which is consistent, too; clients get other servers once"},
	{Code: "M016", Written: "a scheduler of another name", Of: "both", Fate: Changed,
		Becomes: "scheduler wlc", Loses: "what that scheduler does"},
	{Code: "M017", Written: "sh-port, mh-port", Of: "both", Fate: Changed,
		Becomes: "the hash is of the source address alone", Loses: "spreading the connections of one client"},
	{Written: "sh-fallback, mh-fallback", Of: "both", Fate: Whole, Becomes: "nothing: a server that is down is out of the table"},
	{Code: "M018", Written: "flag-1 to flag-3, with another scheduler than sh and mh; hashed", Of: "both", Fate: Changed, Quiet: true,
		Becomes: "it is left out: it does nothing"},
	{Code: "M019", Written: "different weights with rr, sed or lc", Of: "both", Fate: Whole, Quiet: true,
		Becomes: "weight 1: the scheduler ignores weights other than 0"},

	{Written: "-p, persistence_timeout; -M, persistence_granularity", Of: "both", Fate: Whole, Becomes: "`persistence`"},
	{Code: "M020", Written: "a persistence mask that is no prefix", Of: "both", Fate: Changed,
		Becomes: "persistence by whole addresses", Loses: "the mask"},
	{Code: "M021", Written: "--pe sip, persistence_engine sip", Of: "both", Fate: Changed,
		Becomes: "persistence by client address", Loses: "persistence by SIP call"},
	{Written: "-m, lb_kind NAT", Of: "both", Fate: Whole, Becomes: "`mode: nat`"},
	{Written: "-b, (null), lb_kind FNAT, with laddrs", Of: "both", Fate: Whole, Becomes: "`mode: fullnat` with the laddrs as a pool"},
	{Code: "M030", Written: "-g, -i, lb_kind DR and TUN", Of: "both", Fate: Lost,
		Becomes: "it is left out: the answers of such servers do not pass the gateway; use NAT (-m) or FULLNAT (-b), or leave the service to IPVS"},
	{Code: "M031", Written: "a service none of whose servers can be carried over", Of: "both", Fate: Lost,
		Becomes: "the service is left out; leave it to IPVS"},
	{Code: "M032", Written: "-f, virtual_server fwmark", Of: "both", Fate: Whole, Quiet: true,
		Becomes: "`mark`; the rules that mark packets stay: they must do so at prerouting, before priority -100",
		Check:   "see that marks of services are set at prerouting with a priority below -100, as in the table mangle, and remove ip rules that keep marked packets on this machine: IPVS needed them, and packets to real servers keep the mark"},
	{Code: "M047", Written: "a mark of more than 24 bits", Of: "both", Fate: Lost,
		Becomes: "it is left out: a policy's marks have 24 bits; give the service another mark, and the rules that set it"},
	{Code: "M033", Written: "-x, uthreshold", Of: "both", Fate: Changed,
		Becomes: "`limits.connections` of the service: the sum over its real servers", Loses: "the bound of each real server, which may have more while others have fewer"},
	{Code: "M048", Written: "-x, uthreshold of some real servers, where others of the service have none", Of: "both", Fate: Lost,
		Becomes: "it is left out: limits are those of a service, and not of a real server"},
	{Code: "M049", Written: "-y, lthreshold", Of: "both", Fate: Changed,
		Becomes: "it is left out: the next connection is taken as soon as one ends"},
	{Code: "M050", Written: "max_conn, bps, bps_limit, cps_limit, limit_proportion", Of: "both", Fate: Lost,
		Becomes: "it is left out: see whether `limits` of the service say what was meant"},
	{Code: "M034", Written: "-o, --ops", Of: "both", Fate: Changed,
		Becomes: "packets of one client and port stay with their server while its flow lasts", Loses: "choosing anew for each packet"},
	{Code: "M035", Written: "-j enable, syn_proxy", Of: "both", Fate: Changed,
		Becomes: "`syn_proxy` with what the old one offers unless its sysctls say otherwise: segments of 1452 bytes, neither window scale nor timestamps", Loses: "SACK: without timestamps the cookie has no room for it",
		Check: "write `syn_proxy: true` where all real servers have timestamps and window scale 7, as Linux has (docs/syn-proxy.md): clients get larger windows and SACK"},
	{Code: "M052", Written: "-j enable, syn_proxy of a service by mark, or of what leaves", Of: "both", Fate: Lost,
		Becomes: "it is left out: a SYN proxy answers before packets have marks; write a service with `vip`, `ports` and `syn_proxy` in place of the mark", Loses: "protection of real servers against SYN floods"},
	{Code: "M053", Written: "-j enable, syn_proxy of a service that is not for TCP", Of: "both", Fate: Changed, Quiet: true,
		Becomes: "it is left out: only TCP has handshakes, so it does nothing"},
	{Code: "M057", Written: "a service on tcp/21, whose connections ip_vs_ftp reads", Of: "both", Fate: Whole, Quiet: true,
		Becomes: "`helpers: ftp`: data connections of both kinds go to the same real server; remove it if this is not FTP, or if ip_vs_ftp was not loaded and nobody missed it",
		Check:   "write `helpers: ftp` at FTP services on other ports than 21 (ip_vs_ftp has them in its parameter ports)"},
	{Written: "-V SECONDS, est_timeout, --conn-timeout, establish_timeout", Of: "both", Fate: Whole, Becomes: "`timeouts` of the service"},
	{Code: "M051", Written: "the same of a service for SCTP", Of: "both", Fate: Lost,
		Becomes: "it is left out: only the whole machine can have timeouts of SCTP; see `gateway.timeouts`"},
	{Code: "M037", Written: "FULLNAT without laddrs", Of: "both", Fate: Changed,
		Becomes: "mode nat with `hairpin` for every client: the source becomes the address of the interface that leads to the server; name laddrs, mode fullnat and `client_address: toa`, if the old laddrs are known", Loses: "the client's address at real servers (TOA)",
		Check: "name the laddrs of FULLNAT services that have none"},
	{Code: "M038", Written: "TOA, the client's address in a TCP option, which FULLNAT of LVS and DPVS adds", Of: "both", Fate: Whole, Quiet: true,
		Becomes: "`client_address: toa`",
		Check:   "see that the gateway's kernel can add the client's address, TOA (docs/client-address.md: BTF); remove client_address where no real server reads it"},
	{Code: "M054", Written: "TOA of a FULLNAT service by mark", Of: "both", Fate: Lost,
		Becomes: "it is left out: real servers see the laddr; if they read TOA, write a service with `vip`, `ports` and `client_address: toa` in place of the mark"},
	{Code: "M055", Written: "TOA over IPv6, but for DPVS", Of: "both", Fate: Changed,
		Becomes: "`client_address: toa`, whose option has kind 254, as DPVS has it; LVS has 253 for IPv6: real servers need another module, or a program that reads TCP_SAVED_SYN"},
	{Code: "M056", Written: "UOA, the client's address in an IP option, which FULLNAT of DPVS adds to UDP", Of: "dpvs", Fate: Lost, Quiet: true,
		Becomes: "it is left out: real servers see the laddr; where they need the client, write mode nat and route their answers through the gateway",
		Check:   "see whether real servers of UDP need the client's address (UOA): they do not get it"},
	{Code: "M039", Written: "--start-daemon, lvs_sync_daemon", Of: "both", Fate: Lost,
		Becomes: "it is left out: conntrackd synchronises connections"},
	{Code: "M040", Written: "laddrs on a network interface (-F, ip DEV)", Of: "both", Fate: Changed, Quiet: true,
		Becomes: "the laddr alone: the gateway must have the address, or the router a route to it; see gateway.addresses",
		Check:   "see that the gateway has its laddrs, or set gateway.addresses"},
	{Code: "M041", Written: "black and white lists", Of: "both", Fate: Whole, Becomes: "`deny` and `allow`"},
	{Code: "M042", Written: "lists by ipset", Of: "both", Fate: Lost,
		Becomes: "it is left out: write the addresses under deny or allow"},
	{Code: "M059", Written: "a SNAT condition on the next hop (gw), where another rule has it beside its interface", Of: "lvs-snat-v2", Fate: Changed,
		Becomes: "`oif`, the interface that another rule has for this next hop"},
	{Code: "M043", Written: "SNAT conditions on the source port, or on the next hop (gw)", Of: "both", Fate: Lost,
		Becomes: "the condition is left out: a policy has none on source ports, so the zone takes these connections whatever it said; if the ports tell programs apart, have these call from addresses of their own"},
	{Code: "M058", Written: "new_gw, -N, where another rule has that next hop beside its interface (gw and oif)", Of: "lvs-snat-v2", Fate: Changed,
		Becomes: "`uplink` at the zone, with a `gateway.uplinks` of all next hops that rules have beside their interfaces",
		Check:   "see that gateway.uplinks has all ways out: zones without `oif`, and the refusal of what no zone takes, are about what leaves by them; what leaves by other interfaces passes untouched"},
	{Code: "M044", Written: "new_gw, -N: another next hop", Of: "lvs-snat-v2", Fate: Lost,
		Becomes: "it is left out: routing decides; write `gateway.uplinks` with a gateway each, and `uplink` at the zone",
		Check:   "write uplinks for what had another next hop (new_gw)"},
	{Code: "M046", Written: "laddrs in turn, by too many zones", Of: "both", Fate: Changed,
		Becomes: "a source keeps its laddr: a table cannot have that many choices in turn"},
	{Code: "M045", Written: "nat_mask, ha_suspend, vip_bind_dev and other switches of the old programs", Of: "both", Fate: Lost, Quiet: true,
		Becomes: "it is left out: it has no counterpart and no effect on packets"},
}
