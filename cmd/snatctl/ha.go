package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/ha"
	"github.com/snatctl/snatctl/policy"
)

func haCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "ha",
		Short: "pairs of gateways: configurations, changes of role, status",
		Long: `Have two gateways share all VIPs and laddrs, with one that works and one that takes over.
keepalived decides which; conntrackd tells the other about the flows. See docs/pairs.md.

Exit status: that of the command.`,
		Example: "  snatctl ha status",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(haKeepalivedCommand(), haConntrackdCommand(), haNotifyCommand(), haStatusCommand())
	return c
}

// pairFlags say which pair it is, and which of its nodes.
type pairFlags struct {
	files       []string
	node, iface string
	peers       []string
}

func (o *pairFlags) add(c *cobra.Command, what string) {
	fileFlag(c, &o.files)
	c.Flags().StringVar(&o.node, "node", "", "`name` of the node (default: what /etc/snatctl/node says, otherwise the host name)")
	c.Flags().StringVar(&o.iface, "interface", "", "`name` of the interface "+what)
	c.Flags().StringSliceVar(&o.peers, "peers", nil, "addresses of both nodes on it: `gw1=ADDRESS,gw2=ADDRESS`")
}

// pair is what the flags say.
type pair struct {
	policy *policy.Policy
	node   string
	first  bool // of both, in the order of the policy, otherwise of the flag
	ends   ha.Ends
}

// read reads the policy, and finds out which node is meant.
func (o *pairFlags) read() (p pair, err error) {
	names, addresses, err := o.both()
	if err != nil {
		return p, err
	}
	whole, err := readPolicy(o.files)
	if err != nil {
		return p, exit{exitRefused, err}
	}
	if p.policy, p.node, err = o.at(whole, names); err != nil {
		return p, exit{exitRefused, err}
	}
	i := slices.Index(names, p.node)
	if i < 0 {
		return p, fmt.Errorf("--peers: node %s is not one of %s and %s", p.node, names[0], names[1])
	}
	p.ends = ha.Ends{Interface: o.iface, Own: addresses[i], Peer: addresses[1-i]}
	p.first = i == 0
	if all := whole.NodeNames(); len(all) > 0 {
		p.first = slices.Index(all, p.node) < slices.Index(all, names[1-i])
	}
	return p, nil
}

// both returns the names and addresses that --peers gives.
func (o *pairFlags) both() (names []string, addresses []netip.Addr, err error) {
	if len(o.files) == 0 {
		return nil, nil, errors.New("no policy given: name it with -f FILE")
	}
	if o.iface == "" || len(o.peers) != 2 {
		return nil, nil, errors.New("which network do the nodes speak on? Say --interface NAME and --peers gw1=ADDRESS,gw2=ADDRESS")
	}
	for _, s := range o.peers {
		name, text, _ := strings.Cut(s, "=")
		a, err := netip.ParseAddr(text)
		if err != nil || name == "" {
			return nil, nil, fmt.Errorf("--peers: %q is not NODE=ADDRESS, such as gw1=192.0.2.1", s)
		}
		names, addresses = append(names, name), append(addresses, a)
	}
	if names[0] == names[1] || addresses[0] == addresses[1] || addresses[0].Is4() != addresses[1].Is4() {
		return nil, nil, errors.New("--peers: give two nodes, with two addresses of one family")
	}
	return names, addresses, nil
}

// at returns what a node carries out of a policy, and its name.
func (o *pairFlags) at(p *policy.Policy, names []string) (*policy.Policy, string, error) {
	if len(p.Nodes) == 0 {
		node := o.node
		if node == "" {
			return nil, "", errors.New("the policy has no nodes: say which one this is with --node NAME")
		}
		return p, node, nil
	}
	if p.Fleet.Mode != policy.ActiveBackup {
		return nil, "", fmt.Errorf("the nodes of this policy are all active, each with its own laddrs, so none takes over what another has: for a pair write `fleet: {mode: %s}`", policy.ActiveBackup)
	}
	for _, n := range names {
		if p.Node(n) == nil {
			return nil, "", fmt.Errorf("--peers: the policy has no node %s, but %s", n, strings.Join(p.NodeNames(), ", "))
		}
	}
	node, err := gateway.NodeOf(o.node, p)
	if err != nil {
		return nil, "", err
	}
	here, err := at(node, p)
	return here, node, err
}
