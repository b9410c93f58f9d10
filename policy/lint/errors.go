package lint

import "github.com/snatctl/snatctl/policy"

// refusals are the rules that package policy applies when it loads: apply refuses a policy
// that breaks one. Their titles are policy's own.
func refusals() []Rule {
	var out []Rule
	for _, c := range policy.Codes() {
		out = append(out, Rule{Code: c.Code, Severity: policy.Error, Title: c.Meaning, Why: reasons[c.Code]})
	}
	return out
}

// reasons say, by code, why package policy refuses.
var reasons = map[string]string{
	// Files, the gateway, names and tests.
	"F01": "A file that cannot be read may not be empty: applying the other files would remove the objects in this one.",
	"F02": "Answers to an address reach one node only, so connections that the other one translates would hang.",
	"F03": "A node that was forgotten would reject connections, and nobody would have decided that. So every node is named, if only by `none`.",
	"F04": "Answers to an address reach one node only. What another node translated to the same address would get none.",
	"F05": "A real server answers to the client's address, and its router chooses a node for that by itself. If it is not the node that the " +
		"client's packets go through, the connection hangs: measured without synchronisation, 7 of 30. In mode fullnat the real server answers to a " +
		"laddr, which belongs to one node.",
	"F06": "The backup takes over the connections of the node that failed, with their laddrs. It can do that only with the same ones.",
	"F07": "What belongs together is in one place, so that no order of files decides, and what has no nodes has no slices of them.",
	"F08": "The node would have no laddr for sources of the family that is missing, although others have.",
	"F09": "The other nodes send packets there while the node drains, over each family to one neighbour.",
	"F15": "A router sends packets to every node that announces an address, and the node that waits in a pair drops them. In a pair, keepalived moves the " +
		"addresses to the node that works.",
	"G01": "snatctl does not guess what an unknown word means. All keys of the gateway are in one file, so that the order of files does not " +
		"decide.",
	"L01": "Whoever writes limits wants something to be bounded. Limits that bound nothing, or a burst without a rate, look as if they did.",
	"N01": "Names lead from reports and from the table back to the policy. Two objects with the same name could not be told apart, and a name " +
		"that nft or a shell reads differently cannot be used there.",
	"N02": "Names are not looked up: the meaning of a policy must not depend on what a name server says when it is applied.",
	"N03": "YAML often means something else than it seems to, and a misspelt key would be ignored silently. So everything that is not " +
		"understood is refused, with its place.",
	"T02": "The test could never pass, or would check nothing.",
	"T03": "No packet has addresses of two families.",

	// Health checks.
	"A01": "A service whose check does not exist would never be checked, and its dead real servers would get connections like the others.",
	"A02": "A key that does nothing looks as if it did: a server that should answer with a certain page would count as up as soon as its port is " +
		"open.",
	"A12": "A service of all ports has no first port. The real servers would never be checked, and would get connections also when they are dead.",

	// Zones.
	"Z01": "The zone looks as if it did something, but it never decides. The first zone that matches decides, so put the more specific zone " +
		"first.",
	"Z03": "Either the length or the address is wrong, and only the author knows which.",
	"Z07": "The zone has no address to translate to.",
	"Z08": "snatctl does not translate from one family to the other, so these connections would find no laddr and be dropped.",
	"Z09": "ICMP has no ports, so nothing would match.",
	"Z13": "One of the two would be ignored silently.",
	"Z14": "Each source gets the address at the same offset, so both prefixes need the same number of addresses.",

	// Uplinks.
	"U01": "Zones choose uplinks by their names, and a name that means something else cannot be told from that.",
	"U02": "The route of an uplink has one next router for each family, and a check that asks nothing would always fail.",
	"U03": "Every uplink has a routing table of its own. Numbers outside of this range belong to the kernel, or their rules would be asked " +
		"after the main table.",
	"U04": "What comes in by the interface could not be told apart, so answers would leave by one of the two.",
	"U05": "The connections would leave as routes say, through an uplink that nobody chose.",
	"U06": "The choice would be ignored silently.",
	"U07": "Connections that leave through that uplink would have no address to leave with, and be dropped.",
	"U08": "Packets of flows on a flowtable pass no chain, so they would not be marked, and leave by the default route.",

	// Pools.
	"P01": "A laddr is only for translated sources. If it were also a VIP or a real server, answers to translated clients would go to the " +
		"service, or the server's own connections would look like translated ones.",
	"P04": "The kernel drops packets with such an address, so nothing would arrive.",
	"P08": "No packet has port 0, and a reversed range contains no port.",
	"P14": "Every source gets a whole block, and the pool's ports do not have one.",
	"P15": "The last sources would have no block. They would be refused, and always the same ones.",
	"P16": "Blocks are numbered through the laddrs in order, so that the policy alone tells who had which port. So every laddr has the same " +
		"number of blocks, and is listed once.",

	// Timeouts.
	"R01": "nft cannot load its own listing of a ct timeout object that has nothing but the kernel's defaults, so the saved table would not load again.",
	"R03": "SYN and SYN-ACK pass in both directions, before any translation, and only their source tells the zone there.",
	"R02": "These timeouts are sysctls, and apply may not set any. The key would look as if it did something.",

	// Services.
	"S01": "One packet cannot go to two services.",
	"S02": "A packet to a port of both ranges cannot go to two services. An exact port inside a range is allowed, and wins.",
	"S06": "It would get two shares, and nobody could tell which of the two entries a connection belongs to. To give a server a larger share, " +
		"use its weight.",
	"S07": "Connections would be sent to the gateway itself, and then to the service again.",
	"S08": "nftables does not translate IPv4 packets to IPv6 packets, so no client would ever reach a real server.",
	"S09": "FULLNAT replaces the client's address with one of the real server's family. In mode nat laddrs would do nothing, although they " +
		"look as if they did.",
	"S16": "The scheduler rr gives equal turns, so the weights would be ignored.",
	"S17": "One translation of a range either keeps the port that the client called, or sets one.",
	"S18": "A service is identified by its port, and other protocols have none. Use zones for them.",
	"S19": "Every VIP, protocol and port is an element of a map. A million of them is a mistake, however large the file. A range of ports " +
		"counts only once.",
	"S20": "A block belongs to one source, and the clients of a service are not known in advance.",
	"S21": "In mode fullnat every caller gets a laddr, and real servers answer to it, through the gateway. A hairpin would change nothing, although " +
		"it looks as if it did.",
	"S30": "A packet with the mark goes to the service wherever it calls, so a VIP or port would change nothing, although it looks as if it did.",
	"S31": "A gateway with several uplinks keeps in the upper eight bits of marks which of them a connection takes. So that services by mark can " +
		"stand beside that, they look at the lower 24 bits alone, as `meta mark & 0xffffff`.",
	"S34": "A helper reads one protocol at one port, and a mark says nothing of ports. Give such connections a service with a VIP.",
	"S32": "A packet bears one mark. Of two services with the same mark and real servers of one family, one would never get a connection.",

	// Clients' addresses.
	"B01": "In mode nat the client's address is the source of the packets that the real server gets. The option would be a second copy.",
	"B02": "UDP and SCTP have no place that a real server's program could read it from.",

	"B03": "The program that writes the option stands where packets leave. It tells services apart by what their clients called.",

	// Helpers.
	"X10": "The kernel has helpers for a few protocols. What they read costs time, and whoever can send there can open ports, so none is meant for all ports.",
	"X11": "The kernel would read none of these connections: no connection has the helper's protocol and port.",
	"X12": "A connection has one helper, or none.",
	"X13": "Connections that are refused say nothing, and open nothing.",
	"X14": "The kernel's code that translates PPTP and H.323 is for IPv4 alone (nf_nat_pptp, nf_nat_h323).",
	"S42": "The proxy answers a SYN before anybody has marked it, and opens the connection itself, without a mark: no packet would ever come to the service.",
	"S35": "A SYN proxy answers the handshakes of TCP. Other protocols have none, so it would do nothing for this service.",
}
