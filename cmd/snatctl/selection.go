package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent/report"
)

// selectionFlags are the flags that say which flows a command is about.
type selectionFlags struct{ report.Asked }

func (o *selectionFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.Zone, "zone", "", "only flows of the zone of this `name`")
	f.StringVar(&o.Service, "service", "", "only flows of the service of this `name`")
	f.StringVar(&o.Laddr, "laddr", "", "only flows that leave with this `address`")
	f.StringVar(&o.RealServer, "real-server", "", "only flows that a service sent to this `address`, or address and port")
	f.StringVar(&o.Client, "client", "", "only flows opened by this `address`, range or prefix")
	f.StringVar(&o.Proto, "proto", "", "only flows of this `protocol`: tcp, udp, sctp, icmp, icmpv6 or a number")
	f.StringVar(&o.State, "state", "", "only flows in this `state`, as listed: ESTABLISHED, UNREPLIED, …")
	f.BoolVar(&o.Past, "past", false, "only flows that the table in force would not translate in this way")
}

// selection reads the flags.
func (o *selectionFlags) selection() (report.Selection, error) {
	s, err := o.Selection()
	if err != nil {
		return s, fmt.Errorf("--%w", err)
	}
	return s, nil
}
