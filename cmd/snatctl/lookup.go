package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

const exitNotFound = 1

type lookupOptions struct {
	files         []string
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
		Long: `Print the live flows that leave with a laddr and port: who is behind it now. One port serves
several clients at a time if they call different destinations.

Where a pool gives every source a fixed block of ports (laddrs: block), the table tells the
block's owner too, live flows or not. With -f FILE of a policy that has blocks only that is
told, from the policy alone; it needs no kernel. Of any other policy -f takes the table's name.
A NAT log tells who had a port in the past: see snatctl watch --log.

With --proto icmp or icmpv6 the port is the number of the echo request.

Exit status: 0 found, 1 not found, no table or invalid policy, 2 usage.`,
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
				if o.proto, err = parseProtocol(proto); err != nil {
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
	c.Flags().Lookup("file").Usage = "answer from this policy alone, if it has blocks, else take the table's name from it; " + c.Flags().Lookup("file").Usage
	c.Flags().StringVar(&o.table, "table", policy.DefaultGateway().Table, "name of the table")
	c.Flags().StringVar(&proto, "proto", "", "only this protocol: tcp, udp, sctp, icmp, icmpv6 or a number")
	c.Flags().StringVar(&o.format, "format", "text", "text or json")
	return c
}

// lookupPolicy answers from a policy that has blocks. Of any other it takes the table's name
// only, as nobody but the kernel can tell.
func lookupPolicy(ctx context.Context, w io.Writer, o lookupOptions) error {
	p, err := readPolicy(o.files)
	if err != nil {
		return exit{exitNotFound, err}
	}
	if !hasBlocks(p) {
		o.table = p.Gateway.Table
		return lookupLive(ctx, w, o)
	}
	s, ok := subscriber(p, o.at)
	if o.format == "json" {
		err = view.JSON(w, s.records(o.at))
	} else if ok {
		_, err = fmt.Fprintln(w, s)
	}
	if err == nil && !ok {
		err = exit{exitNotFound, fmt.Errorf("no pool with blocks has %s for a source", o.at)}
	}
	return err
}

// subscription is a source with its laddr and block of ports. The zero value is none.
type subscription struct {
	Source netip.Addr
	Zone   string
	Laddr  netip.Addr
	Ports  inet.PortRange
}

func (s subscription) block() string { return s.Laddr.String() + ":" + s.Ports.String() }

// String returns "10.64.0.2 has 198.51.100.64:3072-4095, by zone homes".
func (s subscription) String() string {
	return fmt.Sprintf("%s has %s, by zone %s", s.Source, s.block(), s.Zone)
}

func hasBlocks(p *policy.Policy) bool {
	return slices.ContainsFunc(p.Zones, func(z policy.Zone) bool { return z.Laddrs != nil && z.Laddrs.Block > 0 })
}

// subscriber finds the source that has a laddr and port in a block of its own.
func subscriber(p *policy.Policy, at netip.AddrPort) (subscription, bool) {
	for i := range p.Zones {
		z := &p.Zones[i]
		if z.Laddrs == nil || z.Laddrs.Block == 0 {
			continue
		}
		source, ok := policy.SubscriberOf(z.Laddrs, p.Zones, at.Addr(), at.Port())
		if !ok || !z.HasSource(source) {
			continue
		}
		laddr, ports, _ := policy.BlockOf(z.Laddrs, p.Zones, source)
		return subscription{source, z.Name, laddr, ports}, true
	}
	return subscription{}, false
}

// flowRecord is a connection as JSON, of which a block alone tells little: the rest is null.
type flowRecord struct {
	Proto         *string `json:"proto"`
	Src           string  `json:"src"`
	Dst           *string `json:"dst"`
	TranslatedSrc string  `json:"translated_src"`
	TranslatedDst *string `json:"translated_dst"`
	State         *string `json:"state"`
	Service       *string `json:"service"`
	Zone          string  `json:"zone"`
	RealServer    *string `json:"real_server"`
	Laddr         string  `json:"laddr"`
	BytesIn       *uint64 `json:"bytes_in"`
	BytesOut      *uint64 `json:"bytes_out"`
	PacketsIn     *uint64 `json:"packets_in"`
	PacketsOut    *uint64 `json:"packets_out"`
	Timeout       *uint64 `json:"timeout_s"`
}

// records lists the subscription as a flow, or nothing if it is none.
func (s subscription) records(at netip.AddrPort) []flowRecord {
	if !s.Source.IsValid() {
		return []flowRecord{}
	}
	return []flowRecord{{Src: s.Source.String(), TranslatedSrc: at.String(), Zone: s.Zone, Laddr: s.Laddr.String()}}
}
