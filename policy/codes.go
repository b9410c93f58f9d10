package policy

// Code is one rule that a policy can break.
type Code struct {
	Code    string
	Meaning string // what is wrong, in words that fit every case
}

// Codes returns what the loader's diagnostics may be about, in the order of their codes.
// Codes are never reused.
func Codes() []Code {
	return []Code{
		{"F01", "A file or directory cannot be read."},
		{"G01", "A key of the section gateway has a value that it does not know, or the section stands twice."},
		{"N01", "A name is not one, stands twice, or could be taken for something else."},
		{"N02", "An address is not one: a host name, an IPv4-mapped IPv6 address, a typing error."},
		{"N03", "The form is wrong: YAML syntax, an unknown, missing or repeated key, a value of another type, a number that YAML reads otherwise than people."},
		{"P01", "A laddr is also a VIP or a real server."},
		{"P04", "A laddr, VIP or real server is an address that no packet may carry: loopback, link-local, multicast, unspecified or broadcast."},
		{"P08", "A port is 0, or a range of ports is reversed."},
		{"P14", "A block does not fit into the pool's ports."},
		{"P15", "A pool has fewer blocks than its zones have sources."},
		{"P16", "The laddrs of a pool with blocks are unequal: a weight, or an address that stands twice."},
		{"S01", "Two services claim the same VIP, protocol and port, or a VIP stands twice."},
		{"S02", "Two ranges of ports of the same VIP and protocol overlap."},
		{"S06", "A real server stands twice in a service."},
		{"S07", "A service's VIP is its own real server."},
		{"S08", "No VIP of a service is of the family of any of its real servers."},
		{"S09", "The mode fullnat lacks laddrs, or the mode nat has some."},
		{"S16", "The scheduler rr ignores weights that differ."},
		{"S17", "In a service with ranges of ports some real servers have a port and some have none."},
		{"S18", "A service takes tcp, udp and sctp only."},
		{"S19", "The services have too many VIPs times ports."},
		{"S20", "A service cannot use a pool with blocks."},
		{"T02", "A test expects a zone or service that does not exist."},
		{"T03", "The addresses of a test's packet are of different families."},
		{"Z01", "A zone can never match: zones before it take all its sources."},
		{"Z03", "A range is reversed or mixes families, or a prefix has host bits."},
		{"Z07", "A pool is empty, or is not defined."},
		{"Z08", "Families do not fit: sources and destinations, or sources and laddrs."},
		{"Z09", "A protocol without ports has one."},
		{"Z13", "A zone's action contradicts its laddrs or map."},
		{"Z14", "A map is not from one prefix to another of the same length."},
	}
}
