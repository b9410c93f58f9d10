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
	"F01": "What could not be read is not known to be empty: applying the rest would take away what stands there.",
	"G01": "A word that is not known would have to be guessed. The keys of the gateway stand in one file, so that no order of files decides.",
	"N01": "Names lead from reports and from the table back to the policy. Two objects of one name could not be told apart, and a name that nft or a shell reads otherwise cannot be used there.",
	"N02": "Names are not looked up: what a policy means must not depend on what a name server says while it is applied.",
	"N03": "YAML takes much for something else than it looks like, and a misspelt key would be left out without a word. So what is not understood is refused, with its place.",
	"T02": "The test could never pass, or would promise nothing.",
	"T03": "No packet has addresses of two families.",

	// Zones.
	"Z01": "The zone looks as if it did something. The first zone that matches decides, so the more special one stands first.",
	"Z03": "Either the length or the address is wrong, and nobody but the author knows which.",
	"Z07": "The zone has no address to translate to.",
	"Z08": "Nothing is translated from one family to the other, so these connections would find no laddr and be dropped.",
	"Z09": "ICMP has no ports, so nothing would match.",
	"Z13": "One of the two would be left out without a word.",
	"Z14": "Each source has its own address at the same offset, so both sides need as many.",

	// Pools.
	"P01": "A laddr is taken for translated sources. Were it also a VIP or a real server, answers to translated clients would reach the service, or the server's own connections be taken for translated ones.",
	"P04": "The kernel drops packets that carry such an address where it may not stand, so nothing would arrive.",
	"P08": "No packet has port 0 as its port, and a reversed range holds none.",
	"P14": "Every source gets a whole block, and there is none.",
	"P15": "The last sources would have no block: they would be refused, always the same ones.",
	"P16": "Blocks are counted off from the laddrs in order, so that who had which port follows from the policy alone. Every laddr has as many, and each once.",

	// Services.
	"S01": "One packet cannot go to two services.",
	"S02": "A packet to a port of both ranges cannot go to two services. An exact port inside a range is allowed, and wins.",
	"S06": "It would get two shares, and nobody could tell which of the two entries a connection belongs to. A weight says that it should get more.",
	"S07": "Connections would be sent to the gateway itself, and to the service again.",
	"S08": "nftables translates no IPv4 packet to an IPv6 one, so no client would ever reach a real server.",
	"S09": "FULLNAT needs an address of the real server's family to put in the client's place. In mode nat laddrs would do nothing, though they look as if they did.",
	"S16": "The scheduler rr gives turns alike, so the weights would be ignored.",
	"S17": "One translation of a range either keeps the port that the client called or sets one.",
	"S18": "A service is known by its port, and other protocols have none. Zones treat them.",
	"S19": "Every VIP, protocol and port is an element of a map. A million of them, out of a file of any size, is a mistake; ranges of ports cost one each.",
	"S20": "A block belongs to one source, and the clients of a service are not known beforehand.",
}
