package lint

import (
	"fmt"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// The kernel's priorities of translation, which the table has too (enum nf_ip_hook_priorities,
// include/uapi/linux/netfilter_ipv4.h).
const (
	priorityDNAT = -100
	prioritySNAT = 100
)

// rivals finds NAT chains of others that are asked first. Of chains with the same priority the
// older one is, so these count.
func rivals(r *run, h Host) {
	ours := r.hooks()
	for _, c := range h.Chains {
		own, used := ours[c.Hook]
		if c.Type != "nat" || c.Empty || !used || c.Priority > own || !r.concerns(c.Family) {
			continue
		}
		r.find(r.gatewayAt(""), "gateway", "see what it translates: "+c.show()+"; keep its addresses and ports apart from the policy's, or remove it",
			"chain %s of table %s %s (nat, %s, priority %d) comes before this policy or at the same priority: this policy does not see what that chain translates", c.Name, c.Family, c.Table, c.Hook, c.Priority)
	}
}

// closed finds chains of others that refuse what is forwarded. Every chain of a hook has to
// let a packet pass, so no priority and no rule of the policy's table helps.
func closed(r *run, h Host) {
	for _, c := range h.Chains {
		if !c.Drops || c.Hook != "forward" || !r.concerns(c.Family) {
			continue
		}
		what := "no new connection is forwarded, whatever this policy says"
		if c.Passes > 0 {
			what = fmt.Sprintf("only what one of %d rules before lets pass is forwarded; whether that is this policy's traffic is not known", c.Passes)
		}
		r.find(r.gatewayAt(""), "gateway", "see its rules: "+c.show()+"; accept the policy's traffic there (with Docker in chain DOCKER-USER), or let its chain accept",
			"chain %s of table %s %s (filter, forward, priority %d) drops: %s", c.Name, c.Family, c.Table, c.Priority, what)
	}
}

// show is the command that lists what is in a chain.
func (c BaseChain) show() string {
	switch {
	case c.Legacy && c.Family == "ip6":
		return "ip6tables-legacy -t " + c.Table + " -S"
	case c.Legacy:
		return "iptables-legacy -t " + c.Table + " -S"
	}
	return "nft list table " + c.Family + " " + c.Table
}

// hooks returns the hooks that the policy translates at, with their priorities.
func (r *run) hooks() map[string]int {
	out := make(map[string]int)
	if len(r.Services) > 0 {
		out["prerouting"], out["output"] = priorityDNAT, priorityDNAT
	}
	if slices.ContainsFunc(r.Zones, func(z policy.Zone) bool { return z.ChangesSource() }) ||
		slices.ContainsFunc(r.Services, func(s policy.Service) bool { return s.Mode == policy.FullNAT }) {
		out["postrouting"] = prioritySNAT
	}
	return out
}

// concerns tells whether a table of a family sees packets that the policy is about.
func (r *run) concerns(family string) bool {
	switch family {
	case "ip":
		return r.uses(inet.V4)
	case "ip6":
		return r.uses(inet.V6)
	}
	return true
}

// flushers finds units that remove tables of others: nftables.service runs a script that
// begins with `flush ruleset`, and flushes when it is stopped.
func flushers(r *run, h Host) {
	for _, u := range h.Units {
		if !u.Enabled && !u.Active {
			continue
		}
		switch {
		case u.Name == "nftables.service":
			r.find(r.gatewayAt(""), "gateway", "take `flush ruleset` out of its script and apply after it, or systemctl disable --now nftables",
				"nftables.service is %s: whenever it starts, reloads or stops it flushes the ruleset, this policy's table with it", u.state())
		case u.Name == "firewalld.service" && h.FirewalldFlushes:
			r.find(r.gatewayAt(""), "gateway", "write FlushAllOnReload=no to firewalld.conf, or systemctl disable --now firewalld",
				"firewalld.service is %s, and FlushAllOnReload is on: a reload may flush rules that are not its own", u.state())
		}
	}
}

func (u Unit) state() string {
	switch {
	case u.Enabled && u.Active:
		return "enabled and active"
	case u.Active:
		return "active"
	}
	return "enabled"
}

// lacking says what the kernel refused when the table was tried on it.
func lacking(r *run, h Host) {
	kernel := "this kernel"
	if h.Kernel != "" {
		kernel += " (" + h.Kernel + ")"
	}
	for _, m := range h.Missing {
		since := "load its module, or boot a kernel that has it"
		if m.Since != "" {
			since = fmt.Sprintf("Linux %s and newer have it: load its module, build the kernel with it, or boot a newer one", m.Since)
		}
		r.find(r.Start, "gateway", since, "%s lacks something that the policy needs, so apply will fail: %s", kernel, m.What)
	}
}

// forwardingOff finds families that are not forwarded and that apply will not switch on.
func forwardingOff(r *run, h Host) {
	if r.Gateway.Forwarding {
		return
	}
	for _, f := range inet.Families {
		key := ForwardingKey(f)
		if r.uses(f) && h.Sysctls[key] == "0" {
			r.find(r.gatewayAt("forwarding"), "gateway", "sysctl -w "+dotted(key)+"=1, or remove `forwarding: false`: then apply switches it on",
				"%s is not forwarded (%s is 0), and forwarding: false keeps it so: no packet of this policy passes", f, dotted(key))
		}
	}
}
