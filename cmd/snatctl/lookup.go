package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

const exitNotFound = 1

func lookupCommand() *cobra.Command {
	var files []string
	var format string
	c := &cobra.Command{
		Use:   "lookup -f FILE IP:PORT",
		Short: "print which source has a laddr and port",
		Long: `Print which source stands behind a laddr and port, from the policy alone: where a pool gives
every source a fixed block of ports (laddrs: block), no log is needed to tell.

Sources of pools without blocks share ports; who had one of those when, only the kernel's
flows tell (conntrack -L --reply-dst IP --reply-port-dst PORT, while they last).

Exit status: 0 found, 1 not found or invalid policy, 2 usage.`,
		Example: `  snatctl lookup -f policy.yaml 198.51.100.64:1500
  snatctl lookup -f policy.yaml 198.51.100.64:1500 --format json`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			at, err := netip.ParseAddrPort(args[0])
			if err != nil {
				return fmt.Errorf("%q is not an address with a port (write 198.51.100.64:1500, or [2001:db8::1]:1500)", args[0])
			}
			if err := checkFormat(format); err != nil {
				return err
			}
			if len(files) == 0 {
				return errors.New("no policy given: name it with -f FILE")
			}
			p, err := readPolicy(files)
			if err != nil {
				return exit{exitNotFound, err}
			}
			s, ok := subscriber(p, at)
			if err := s.print(os.Stdout, format, at, ok); err != nil {
				return err
			}
			if !ok {
				return exit{exitNotFound, fmt.Errorf("no pool with blocks has %s for a source", at)}
			}
			return nil
		},
	}
	fileFlag(c, &files)
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

// subscription is a source with its laddr and block of ports.
type subscription struct {
	Source netip.Addr
	Zone   string
	Laddr  netip.Addr
	Ports  inet.PortRange
}

func (s subscription) block() string { return s.Laddr.String() + ":" + s.Ports.String() }

// flowRecord is a connection as JSON. What the policy alone cannot tell is null.
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

func (s subscription) print(w io.Writer, format string, at netip.AddrPort, found bool) error {
	if format == "json" {
		list := []flowRecord{}
		if found {
			list = append(list, flowRecord{Src: s.Source.String(), TranslatedSrc: at.String(), Zone: s.Zone, Laddr: s.Laddr.String()})
		}
		return printJSON(w, list)
	}
	if found {
		fmt.Fprintf(w, "%s has %s, by zone %s\n", s.Source, s.block(), s.Zone)
	}
	return nil
}
