package ipvsadm

import (
	"github.com/snatctl/snatctl/translate"
)

// takes says how an option takes its value.
type takes int

const (
	nothing  takes = iota
	value          // the next argument, or what is behind = or the letter
	optional       // a number, if the next argument is one
	three          // three arguments: --set
)

// option is an option or command of ipvsadm under its long name, whatever its letter is.
type option struct {
	name    string
	letter  string // empty: none
	takes   takes
	command bool
	of      []translate.Dialect // whose it is; none: of all
}

// The dialects that share options.
var (
	plain  = []translate.Dialect{translate.IPVS}
	fork   = []translate.Dialect{translate.AlibabaV2, translate.AlibabaV3, translate.DSNAT, translate.LVSSNAT, translate.LVSSNATv2, translate.DPVS}
	zoned  = []translate.Dialect{translate.DSNAT, translate.LVSSNAT}
	onlyA3 = []translate.Dialect{translate.AlibabaV3}
	onlyL1 = []translate.Dialect{translate.LVSSNAT}
	onlyL2 = []translate.Dialect{translate.LVSSNATv2}
	onlyDP = []translate.Dialect{translate.DPVS}
	sctp   = []translate.Dialect{translate.IPVS, translate.DPVS}
)

// options are all options of all dialects. Where a dialect has two of one letter, the first
// stands for the letter as a command, and the second behind one.
var options = []option{
	{"add-service", "A", nothing, true, nil}, {"edit-service", "E", nothing, true, nil}, {"delete-service", "D", nothing, true, nil},
	{"add-server", "a", nothing, true, nil}, {"edit-server", "e", nothing, true, nil}, {"delete-server", "d", nothing, true, nil},
	{"clear", "C", nothing, true, nil}, {"zero", "Z", nothing, true, nil}, {"list", "L", nothing, true, nil}, {"list", "l", nothing, true, nil},
	{"save", "S", nothing, true, nil}, {"restore", "R", nothing, true, nil}, {"set", "", three, true, nil}, {"help", "h", nothing, true, nil}, {"version", "v", nothing, true, nil},
	{"start-daemon", "", value, true, nil}, {"stop-daemon", "", value, true, nil},

	{"tcp-service", "t", value, false, nil}, {"udp-service", "u", value, false, nil}, {"fwmark-service", "f", value, false, nil},
	{"sctp-service", "", value, false, sctp}, {"icmp-service", "q", value, false, onlyDP}, {"icmpv6-service", "1", value, false, onlyDP},
	{"ipv6", "6", nothing, false, nil}, {"scheduler", "s", value, false, nil}, {"persistent", "p", optional, false, nil}, {"netmask", "M", value, false, nil},
	{"pe", "", value, false, nil}, {"ops", "o", nothing, false, nil}, {"real-server", "r", value, false, nil},
	{"gatewaying", "g", nothing, false, nil}, {"ipip", "i", nothing, false, nil}, {"masquerading", "m", nothing, false, nil},
	{"weight", "w", value, false, nil}, {"u-threshold", "x", value, false, nil}, {"l-threshold", "y", value, false, nil},

	{"numeric", "n", nothing, false, nil}, {"connection", "c", nothing, false, nil}, {"exact", "X", nothing, false, nil}, {"sort", "", nothing, false, nil}, {"nosort", "", nothing, false, nil},
	{"stats", "", nothing, false, nil}, {"rate", "", nothing, false, nil}, {"thresholds", "", nothing, false, nil}, {"persistent-conn", "", nothing, false, nil},
	{"timeout", "", nothing, false, nil}, {"daemon", "", nothing, false, nil}, {"syncid", "", value, false, nil}, {"mcast-interface", "", value, false, nil},

	{"sched-flags", "b", value, false, plain}, {"tun-type", "", value, false, nil}, {"tun-port", "", value, false, plain}, {"tun-nocsum", "", nothing, false, plain},
	{"tun-csum", "", nothing, false, plain}, {"tun-remcsum", "", nothing, false, plain}, {"tun-info", "", nothing, false, plain},
	{"sync-maxlen", "", value, false, plain}, {"mcast-group", "", value, false, plain}, {"mcast-port", "", value, false, plain}, {"mcast-ttl", "", value, false, plain},

	{"fullnat", "b", nothing, false, fork}, {"synproxy", "j", value, false, fork}, {"laddr", "z", value, false, fork},
	{"add-laddr", "P", nothing, true, fork}, {"del-laddr", "Q", nothing, true, fork}, {"get-laddr", "G", nothing, true, fork},
	{"vsestablish-timeout", "V", value, false, onlyA3},
	{"add-zone", "K", nothing, true, zoned}, {"del-zone", "V", nothing, true, zoned}, {"del-zone", "I", nothing, true, zoned}, {"zone", "", value, false, zoned},
	{"add-laddr-zone", "U", nothing, true, onlyL1}, {"del-laddr-zone", "W", nothing, true, onlyL1},
	{"add-snat", "K", nothing, true, onlyL2}, {"edit-snat", "k", nothing, true, onlyL2}, {"delete-snat", "H", nothing, true, onlyL2},
	{"from", "F", value, false, onlyL2}, {"to", "T", value, false, onlyL2}, {"gw", "W", value, false, onlyL2}, {"oif", "", value, false, onlyL2},
	{"snat-ip", "U", value, false, onlyL2}, {"algo", "O", value, false, onlyL2}, {"new-gw", "N", value, false, onlyL2},

	{"add-blklst", "U", nothing, true, onlyDP}, {"del-blklst", "V", nothing, true, onlyDP}, {"get-blklst", "B", nothing, true, onlyDP}, {"blklst", "k", value, false, onlyDP},
	{"add-whtlst", "O", nothing, true, onlyDP}, {"del-whtlst", "Y", nothing, true, onlyDP}, {"get-whtlst", "W", nothing, true, onlyDP}, {"whtlst", "2", value, false, onlyDP},
	{"match", "H", value, false, onlyDP}, {"snat", "J", nothing, false, onlyDP}, {"ifname", "F", value, false, onlyDP}, {"sockpair", "", value, false, onlyDP},
	{"hash-target", "Y", value, false, onlyDP}, {"cpu", "", value, false, onlyDP}, {"expire-quiescent", "", nothing, false, onlyDP}, {"dest-check", "", value, false, onlyDP},
	{"conn-timeout", "", value, false, onlyDP}, {"proxy-protocol", "", value, false, onlyDP}, {"quic", "", nothing, false, onlyDP}, {"laddr-ifname", "", value, false, onlyDP},
	{"in-name", "", value, false, onlyDP},
}

// aliases are other long names of options.
var aliases = map[string]string{
	"schedule": "scheduler", "persistance": "persistent", "gateway": "gatewaying", "masq": "masquerading", "fnat": "fullnat",
	"one-packet-scheduling": "ops", "local-address": "laddr", "delete-zone": "del-zone", "del-snat": "delete-snat",
	"icmpv6-service": "icmpv6-service", "est-timeout": "vsestablish-timeout",
}

// spelled returns the long name of an option, the first whole one that begins so; popt takes
// no beginnings, so neither do we.
func spelled(name string) string {
	if long := aliases[name]; long != "" {
		return long
	}
	return name
}

// has tells whether a dialect knows an option. The empty dialect knows all.
func (o *option) has(d translate.Dialect) bool {
	if o.of == nil || d == "" {
		return true
	}
	for _, of := range o.of {
		if of == d {
			return true
		}
	}
	return false
}

// byName finds an option of a dialect by its long name.
func byName(d translate.Dialect, name string) *option {
	for i := range options {
		if options[i].name == name && options[i].has(d) {
			return &options[i]
		}
	}
	return nil
}

// byLetter finds an option of a dialect by its letter. Commands come first in a call, other
// options later.
func byLetter(d translate.Dialect, letter string, first bool) *option {
	var found *option
	for i := range options {
		if o := &options[i]; o.letter == letter && o.has(d) {
			if o.command == first {
				return o
			}
			if found == nil {
				found = o
			}
		}
	}
	return found
}

// given is an option of a call, with its value and the words of both.
type given struct {
	name  string
	value string
	words []translate.Word
}

// command is a parsed call.
type command struct {
	*call
	name    string
	verb    []translate.Word
	options []given
}

// find returns an option of the command; nil where it has none of that name.
func (c *command) find(name string) *given {
	for i := range c.options {
		if c.options[i].name == name {
			return &c.options[i]
		}
	}
	return nil
}

// has tells whether the command has one of some options.
func (c *command) has(names ...string) bool {
	for _, name := range names {
		if c.find(name) != nil {
			return true
		}
	}
	return false
}
