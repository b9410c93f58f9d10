package routelink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/route"
)

// rule enters or removes a rule. The kernel removes one only if all of this agrees (Linux
// net/core/fib_rules.c, rule_find).
func (c *Conn) rule(r route.Rule, remove bool) error {
	k := netlink.NewRule()
	k.Family, k.Priority, k.Protocol, k.Table = netlink.FAMILY_V4, r.Priority, route.Protocol, r.Table
	if r.Family == inet.V6 {
		k.Family = netlink.FAMILY_V6
	}
	if r.Table == 0 {
		k.Table, k.SuppressPrefixlen = unix.RT_TABLE_MAIN, 0
	}
	if r.Mask != 0 {
		k.Mark, k.Mask, k.Invert = r.Mark, &r.Mask, r.Mark == 0
	}
	k.OifName = r.OIf
	if r.From.IsValid() {
		bits := r.From.BitLen()
		k.Src = &net.IPNet{IP: r.From.AsSlice(), Mask: net.CIDRMask(bits, bits)}
	}
	if remove {
		return c.handle.RuleDel(k)
	}
	switch err := c.handle.RuleAdd(k); {
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("somebody else has the same rule: %w; remove it, or write other numbers to gateway.routing_tables", err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("this kernel has no ip rules (CONFIG_IP_MULTIPLE_TABLES), which uplinks need: %w", err)
	default:
		return err
	}
}

// ruleOf reads a rule that bears our number; false: it does not, or ours never say such a thing.
func ruleOf(k *netlink.Rule) (r route.Rule, ok bool) {
	r = route.Rule{Priority: k.Priority, Family: inet.V4, Mark: k.Mark, OIf: k.OifName, Table: k.Table}
	if k.Family == netlink.FAMILY_V6 {
		r.Family = inet.V6
	}
	if k.Mask != nil {
		r.Mask = *k.Mask
	}
	if k.Src != nil {
		r.From, _ = netip.AddrFromSlice(k.Src.IP)
	}
	if k.Table == unix.RT_TABLE_MAIN {
		r.Table = 0
	}
	return r, k.Protocol == route.Protocol && (k.SuppressPrefixlen == 0) == (r.Table == 0) && k.Invert == (r.Mask != 0 && r.Mark == 0)
}

// readRules finds our rules. They have no place for a policy's mark: one belongs to whoever has routes in the
// table that it leads to, and one that leads to main to the owner of those behind it.
func (r *reading) readRules() error {
	theirs := make(map[int]bool)
	for _, t := range r.Facts.Taken {
		theirs[t] = true
	}
	var all []route.Rule
	behind := make(map[int]int) // a table that rules of a priority lead to
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := r.rules(family)
		if err != nil {
			return err
		}
		for i := range list {
			if rule, ok := ruleOf(&list[i]); ok {
				all = append(all, rule)
				if rule.Table != 0 {
					behind[rule.Priority-1] = rule.Table
				}
			}
		}
	}
	for _, rule := range all {
		table := rule.Table
		if table == 0 {
			table = behind[rule.Priority]
		}
		if !theirs[table] {
			r.Have.Rules = append(r.Have.Rules, rule)
		}
	}
	return nil
}

// rules lists all rules of a family; none, where the kernel does not know any.
func (c *Conn) rules(family int) (list []netlink.Rule, err error) {
	for range attempts {
		if list, err = c.handle.RuleList(family); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, nil
	}
	return list, err
}
