package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
)

// addressFlag is --address: what interfaces have whose addresses are VIPs, for commands that do not look
// at the host.
type addressFlag struct {
	facts policy.Facts
	node  string // of --node
}

// add adds the flag to a command.
func (a *addressFlag) add(c *cobra.Command) {
	nodeFlag(c, &a.node)
	c.Flags().Var(a, "address", "the addresses of an interface that a policy has for a VIP, as `INTERFACE=ADDRESS[,ADDRESS]`; may be repeated")
}

// String returns nothing: there is no default.
func (a *addressFlag) String() string { return "" }

// Type returns what the value is, for help.
func (a *addressFlag) Type() string { return "INTERFACE=ADDRESS" }

// Set reads one value.
func (a *addressFlag) Set(text string) error {
	name, list, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not INTERFACE=ADDRESS", text)
	}
	if a.facts.Addrs == nil {
		a.facts.Addrs = make(map[string][]netip.Addr)
	}
	has := a.facts.Addrs[name]
	for word := range strings.SplitSeq(list, ",") {
		addr, err := inet.ParseAddr(word)
		if err != nil {
			return err
		}
		has = append(has, addr)
	}
	slices.SortFunc(has, netip.Addr.Compare)
	a.facts.Addrs[name] = slices.Compact(has)
	return nil
}

// of returns what the flags tell a policy: addresses, and if it has nodes the one that is meant.
func (a *addressFlag) of(p *policy.Policy) (facts policy.Facts, err error) {
	facts = a.facts
	if len(p.Nodes) > 0 {
		facts.Node, err = gateway.NodeOf(a.node, p)
	}
	return facts, err
}

// resolve gives a policy the addresses of the flag. Of an interface that it does not name it says what
// follows for the command. What was found goes to standard error.
func (a *addressFlag) resolve(p *policy.Policy, without string) (*policy.Policy, error) {
	facts, err := a.of(p)
	if err != nil {
		return nil, err
	}
	q, ds := p.Resolve(facts)
	if q, err := judge(q, ds); err != nil {
		return q, err
	}
	tellUnresolved(q.Unresolved(), without)
	return q, nil
}

// tellUnresolved says on standard error what follows where nobody knows the addresses of interfaces.
func tellUnresolved(interfaces []string, without string) {
	for _, name := range interfaces {
		fmt.Fprintf(stderr, "info: unresolved: the addresses of %s are known on the host only, so %s; name them with --address %[1]s=ADDRESS\n", plain.Text(name), without)
	}
}
