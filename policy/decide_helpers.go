package policy

import "github.com/snatctl/snatctl/inet"

// watches tells which of some controls a packet's connection is; false for none.
func (pkt *Packet) watches(list []Control) (Control, bool) {
	for _, c := range list {
		if c.Proto == pkt.Proto && c.Ports.Contains(pkt.To.Port()) && (c.Family == 0 || c.Family == inet.FamilyOf(pkt.To.Addr())) {
			return c, true
		}
	}
	return Control{}, false
}

// watch notes which helper reads the connection, which changes nothing for the connection itself.
func (d *decider) watch(what, name string, list []Control) {
	c, ok := d.pkt.watches(list)
	if !ok {
		return
	}
	d.Helper = c.Name()
	d.say("%s %s: the helper %s reads this connection; those that it speaks of are let through and translated with it", what, name, c.Helper)
}
