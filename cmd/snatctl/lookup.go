package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

const exitNotFound = 1

type lookupOptions struct {
	files         []string
	node          string
	table, format string
	at            netip.AddrPort
	proto         inet.Proto // 0: any with ports
}

func lookupCommand() *cobra.Command {
	var o lookupOptions
	var proto string
	c := &cobra.Command{
		Use:   "lookup IP:PORT",
		Short: "print who is behind a laddr and port",
		Long: `Print who is behind a laddr and port now: the live flows that leave with them. Several clients can
have the same port at the same time if they call different destinations.

If a pool gives every source a fixed block of ports (laddrs: block), lookup also names the owner
of the block, whether there are live flows or not. With -f FILE, and a policy that has blocks, it
answers from the policy alone and needs no kernel. With any other policy, -f gives only the name
of the table. To find out who had a port in the past, use a NAT log: see snatctl watch --log.

With --proto icmp or icmpv6 the port is the identifier of the echo request.

Exit status: 0 found; 1 not found, no table, or invalid policy; 2 wrong usage.`,
		Example: `  snatctl lookup 198.51.100.2:40312
  snatctl lookup '[2001:db8:99::1]:40312' --proto tcp --format json
  snatctl lookup -f policy.yaml 198.51.100.64:1500`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if o.at, err = netip.ParseAddrPort(args[0]); err != nil {
				return fmt.Errorf("%q is not an address with a port (write 198.51.100.64:1500, or [2001:db8::1]:1500)", args[0])
			}
			if err := checkFormat(o.format); err != nil {
				return err
			}
			if proto != "" {
				if o.proto, err = inet.ParseAnyProto(proto); err != nil {
					return fmt.Errorf("--proto: %w", err)
				}
			}
			if len(o.files) > 0 {
				return lookupPolicy(c.Context(), outlet(o.format), o)
			}
			return lookupLive(c.Context(), outlet(o.format), o)
		},
	}
	fileFlag(c, &o.files)
	nodeFlag(c, &o.node)
	c.Flags().Lookup("file").Usage = "policy in this `FILE` (or directory, or - for standard input): answer from it alone if it has blocks, otherwise take the table's name from it; may be repeated"
	c.Flags().StringVar(&o.table, "table", policy.DefaultGateway().Table, "name of the table")
	c.Flags().StringVar(&proto, "proto", "", "only this `protocol`: tcp, udp, sctp, icmp, icmpv6 or a number")
	c.Flags().StringVar(&o.format, "format", "text", "format of the output: `text|json`")
	return c
}

// lookupPolicy answers from a policy that has blocks. Of any other it takes the table's name
// only, as nobody but the kernel can tell.
func lookupPolicy(ctx context.Context, w io.Writer, o lookupOptions) error {
	p, err := readPolicy(o.files)
	if err == nil {
		p, err = at(o.node, p)
	}
	if err != nil {
		return exit{exitNotFound, err}
	}
	if !p.HasBlocks() {
		o.table = p.Gateway.Table
		return lookupLive(ctx, w, o)
	}
	s, ok := p.Subscriber(o.at)
	if o.format == "json" {
		err = view.SubscriberJSON(w, s, o.at)
	} else if ok {
		err = view.Subscriber(w, s)
	}
	if err == nil && !ok {
		err = exit{exitNotFound, fmt.Errorf("no source has %s in its block", o.at)}
	}
	return err
}
