package main

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/ha"
)

func haConntrackdCommand() *cobra.Command {
	var o pairFlags
	var ignored []string
	var flows int
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "conntrackd -f FILE --node NAME --interface NAME --peers gw1=ADDRESS,gw2=ADDRESS",
		Short:       "print conntrackd.conf for a node of a pair",
		Long: `Print conntrackd.conf for a node of a pair. The same flags, but for --node, make that of the other node.

The network that the nodes speak on should be a cable of its own: what they tell each other is neither
encrypted nor signed.

Exit status: 0 printed, 1 invalid policy, or one that is not for a pair, 2 usage.`,
		Example: `  snatctl ha conntrackd -f policy.yaml --node gw1 --interface sync0 --peers gw1=172.31.0.1,gw2=172.31.0.2 \
    --ignore 203.0.113.2,203.0.113.3 >/etc/conntrackd/conntrackd.conf`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := o.read()
			if err != nil {
				return err
			}
			if flows < 1024 || flows > 1<<30 {
				return fmt.Errorf("--flows: %d is not from 1024 to %d", flows, 1<<30)
			}
			s := ha.Sync{Node: p.node, Ends: p.ends, Flows: flows}
			for _, text := range ignored {
				a, err := netip.ParseAddr(text)
				if err != nil {
					return fmt.Errorf("--ignore: %q is not an address", text)
				}
				s.Ignored = append(s.Ignored, a)
			}
			var unknown []string
			if s.Helpers, unknown = ha.Helpers(p.policy); len(unknown) > 0 {
				fmt.Fprintf(stderr, "warning: conntrackd does not know the helpers %s: connections that they announce just before a takeover are lost\n", strings.Join(unknown, ", "))
			}
			_, err = os.Stdout.WriteString(s.Conntrackd())
			return err
		},
	}
	o.add(c, "that conntrackd speaks on")
	c.Flags().StringSliceVar(&ignored, "ignore", nil, "`addresses` of the nodes themselves: connections with them are not handed on")
	c.Flags().IntVar(&flows, "flows", 262144, "`number` of flows that it can hold of each node; as net.netfilter.nf_conntrack_max")
	return c
}
