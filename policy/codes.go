package policy

// Code is one rule that a policy can break.
type Code struct {
	Code    string
	Meaning string // what is wrong, in words that fit every case
}

// NoAddress is the code of Resolve's warning. It is not among Codes, since the loader cannot know: lint has
// the rule, for hosts.
const NoAddress = "S24"

// NoNode is the code of At's error, which the compiler reports, too: it is not among Codes, since a
// policy that is read is that of all nodes.
const NoNode = "K06"

// Codes returns what the loader's diagnostics may be about, in the order of their codes.
// Codes are never reused.
func Codes() []Code {
	return []Code{
		{"A01", "A health check is not defined, or has the name none."},
		{"A02", "A health check has a key that its type does not use, or lacks one that it needs."},
		{"A12", "A health check does not know which port to ask."},
		{"B01", "A service in mode nat has client_address, which only mode fullnat needs."},
		{"B02", "A service without TCP ports has client_address."},
		{"B03", "A service by mark has client_address."},
		{"F01", "A file or directory cannot be read."},
		{"F02", "Two nodes have the same laddrs."},
		{"F03", "A pool does not say which laddrs a node has, or names a node that is not defined."},
		{"F04", "In active-active, all nodes share the laddrs of a pool or the addresses of a map."},
		{"F05", "In active-active, a service is in mode nat."},
		{"F06", "In active-backup, the laddrs of a pool are divided among nodes."},
		{"F07", "The sections nodes and fleet do not fit together, or one of them, or announce, is there twice."},
		{"F08", "The nodes have laddrs of different families in a pool."},
		{"F09", "A node's address cannot be: two of a family, or one that no packet can be sent to."},
		{"F15", "In active-backup, the nodes announce their addresses."},
		{"G01", "A key of the section gateway has an unknown value, or the section is there twice."},
		{"L01", "Limits limit nothing, or have a burst without new_per_client, or belong to a zone that refuses all connections."},
		{"N01", "A name is not valid, is used twice, or could be mistaken for something else."},
		{"N02", "An address is not valid: it is a host name, an IPv4-mapped IPv6 address, or mistyped."},
		{"N03", "The form is wrong: YAML syntax, an unknown, missing or repeated key, a value of the wrong type, a number that YAML reads differently from people."},
		{"P01", "A laddr is also a VIP or a real server."},
		{"P04", "A laddr, VIP or real server is an address that no packet may carry: loopback, link-local, multicast, unspecified or broadcast."},
		{"P08", "A port is 0, or a range of ports is reversed."},
		{"P14", "A block does not fit into the pool's ports."},
		{"P15", "A pool has fewer blocks than its zones have sources."},
		{"P16", "The laddrs of a pool with blocks are not equal: one has a weight, or is listed twice."},
		{"R01", "The timeouts of a zone or service are the kernel's own, where the gateway has others."},
		{"R02", "A timeout of the whole machine is written, and gateway.sysctls is false."},
		{"R03", "A zone with conditions has mss."},
		{"S01", "Two services claim the same VIP, protocol and port, or a VIP is listed twice."},
		{"S02", "Two ranges of ports of the same VIP and protocol overlap."},
		{"S06", "A real server is listed twice in a service."},
		{"S07", "A service's VIP is its own real server."},
		{"S08", "No VIP of a service has the same family as any of its real servers."},
		{"S09", "A service in mode fullnat has no laddrs, or one in mode nat has some."},
		{"S16", "The scheduler rr ignores weights that differ."},
		{"S17", "In a service with ranges of ports, or a mark, some real servers have a port and some have none."},
		{"S18", "A service can have only tcp, udp and sctp."},
		{"S19", "The services have too many combinations of VIPs and ports."},
		{"S20", "A service cannot use a pool with blocks."},
		{"S21", "A service in mode fullnat has a hairpin, which only mode nat needs."},
		{"S30", "A service has a mark, and a VIP or ports, too."},
		{"S31", "A mark does not fit into 24 bits."},
		{"S32", "Two services take packets of one family with the same mark."},
		{"S34", "A service by mark has helpers."},
		{"S35", "A service without tcp has a SYN proxy."},
		{"S42", "A service by mark has a SYN proxy."},
		{"T02", "A test expects a zone or service that does not exist."},
		{"T03", "The addresses of a test's packet are of different families."},
		{"U01", "An uplink is named twice, or like a word of the language."},
		{"U02", "An uplink's gateway or check cannot be: two gateways of a family, a target with or without a port."},
		{"U03", "The routing tables are a range that cannot be, or fewer than there are uplinks."},
		{"U04", "Two uplinks are the same interface."},
		{"U05", "An uplink is not defined."},
		{"U06", "A zone chooses an uplink where it cannot."},
		{"U07", "A zone has laddrs per uplink, and none for an uplink that its connections may leave through."},
		{"U08", "Flows on a flowtable would not stay on their uplink."},
		{"X10", "A helper is unknown, listed twice, or would read every port."},
		{"X11", "A helper reads a port that the zone or service does not have."},
		{"X12", "Two helpers of a zone or service would read the same port."},
		{"X13", "A zone that refuses connections has helpers."},
		{"X14", "A helper translates IPv4 alone, and the zone or service is IPv6."},
		{"Z01", "A zone can never match: zones before it take all its sources."},
		{"Z03", "A range is reversed or mixes families, or a prefix has host bits."},
		{"Z07", "A pool is empty, or is not defined."},
		{"Z08", "The families of sources and destinations, or of sources and laddrs, do not match."},
		{"Z09", "A protocol without ports has one."},
		{"Z13", "A zone's action contradicts its laddrs or map."},
		{"Z14", "A map needs one prefix on each side, both of the same length."},
	}
}
