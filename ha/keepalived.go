package ha

import (
	"fmt"
	"strings"
	"time"
)

// Keepalived returns keepalived.conf of a node, for keepalived 2.0 and later (keepalived.conf(5)).
func (v *VRRP) Keepalived() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# keepalived.conf of node %s, by `snatctl ha keepalived`. Both nodes' differ in router_id, priority and", v.Node)
	line("# the two addresses. keepalived says \"ignoring\" of what it does not understand, and goes on: read its log.")
	line("global_defs {")
	line("    router_id %s", v.Node)
	line("    vrrp_version 3               # version 2 rounds advert_int to whole seconds")
	line("    vrrp_garp_master_repeat 3")
	line("    vrrp_garp_master_refresh 30  # for switches and neighbours that heard of another node")
	line("    vrrp_rt_priority 50          # a gateway that is busy with packets must not look dead")
	line("    vrrp_rlimit_rttime 5000000   # microseconds at a stretch; of 10000, the default, it dies when a link goes down")
	line("    vrrp_higher_prio_send_advert # at the end of a split brain the one that stays hears that there was another")
	line("    enable_script_security")
	line("    script_user root")
	line("}")
	line("vrrp_instance gateway {")
	line("    state BACKUP")
	line("    nopreempt                    # a node that comes back waits: taking over again would cost a gap")
	line("    interface %s", v.Ends.Interface)
	line("    virtual_router_id %d", v.ID)
	line("    priority %d", v.Priority)
	line("    advert_int %s", seconds(v.Interval))
	line("    unicast_src_ip %s", v.Ends.Own)
	line("    unicast_peer {")
	line("        %s", v.Ends.Peer)
	line("    }")
	if others := v.others(); len(others) > 0 {
		line("    track_interface {            # one a line: of several on a line only the first is tracked")
		for _, iface := range others {
			line("        %s", iface)
		}
		line("    }")
	}
	v.moving(line)
	line("    notify_master \"%s primary\"", v.Notify)
	line("    notify_master_rx_lower_pri \"%s primary\" # after a split brain: the other one's flows are wanted, too", v.Notify)
	line("    notify_backup \"%s backup\"", v.Notify)
	line("    notify_fault \"%s fault\"", v.Notify)
	line("    notify_stop \"%s fault\"", v.Notify)
	line("}")
	return b.String()
}

// moving writes the addresses. Adverts name the first one alone: those of one family, and 20 at most in all, fit into
// an advert, and nodes whose adverts differ do not understand each other.
func (v *VRRP) moving(line func(string, ...any)) {
	first := -1
	for i, m := range v.Moving {
		if m.Prefix.Addr().Is4() {
			first = i
			break
		}
	}
	if first >= 0 {
		line("    virtual_ipaddress {")
		line("        %s dev %s", v.Moving[first].Prefix, v.Moving[first].Interface)
		line("    }")
	}
	if len(v.Moving) < 2 {
		return
	}
	line("    virtual_ipaddress_excluded { # they move, too, but are not named in adverts")
	for i, m := range v.Moving {
		if i != first {
			line("        %s dev %s", m.Prefix, m.Interface)
		}
	}
	line("    }")
}

// others are the interfaces that have moving addresses, less that of VRRP itself, which is watched anyway.
func (v *VRRP) others() (names []string) {
	seen := map[string]bool{v.Ends.Interface: true}
	for _, m := range v.Moving {
		if !seen[m.Interface] {
			seen[m.Interface] = true
			names = append(names, m.Interface)
		}
	}
	return names
}

// seconds writes a duration as keepalived reads it: in seconds, to hundredths.
func seconds(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", d.Seconds()), "0"), ".")
}
