package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy/words"
)

// selection says which flows a command is about: by their owner, and by what they are. Its zero
// value is all flows.
type selection struct {
	ct.Filter
	client inet.Range // sources as they called
	proto  inet.Proto
	state  string
	past   bool // only those that the policy does not explain any more
}

// selectionFlags are the flags of a selection as they were written.
type selectionFlags struct {
	zone, service, laddr, realServer string
	client, proto, state             string
	past                             bool
}

func (o *selectionFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.zone, "zone", "", "only flows of the zone of this `name`")
	f.StringVar(&o.service, "service", "", "only flows of the service of this `name`")
	f.StringVar(&o.laddr, "laddr", "", "only flows that leave with this `address`")
	f.StringVar(&o.realServer, "real-server", "", "only flows that a service sent to this `address`, or address and port")
	f.StringVar(&o.client, "client", "", "only flows opened by this `address`, range or prefix")
	f.StringVar(&o.proto, "proto", "", "only flows of this `protocol`: tcp, udp, sctp, icmp, icmpv6 or a number")
	f.StringVar(&o.state, "state", "", "only flows in this `state`, as listed: ESTABLISHED, UNREPLIED, …")
	f.BoolVar(&o.past, "past", false, "only flows that the table in force would not translate in this way")
}

// selection reads the flags.
func (o *selectionFlags) selection() (s selection, err error) {
	s.Zone, s.Service = o.zone, o.service
	s.state, s.past = strings.ToUpper(o.state), o.past
	if o.laddr != "" {
		if s.Laddr, err = inet.ParseAddr(o.laddr); err != nil {
			return s, fmt.Errorf("--laddr: %w", err)
		}
	}
	if o.realServer != "" {
		at, err := parseEndpoint(o.realServer)
		if err != nil {
			return s, fmt.Errorf("--real-server: %w", err)
		}
		s.Server, s.ServerPort = at.Addr(), at.Port()
	}
	if o.client != "" {
		if s.client, err = inet.ParseRange(o.client); err != nil {
			return s, fmt.Errorf("--client: %w", err)
		}
	}
	if o.proto != "" {
		if s.proto, err = parseProtocol(o.proto); err != nil {
			return s, fmt.Errorf("--proto: %w", err)
		}
	}
	return s, nil
}

// known returns an error if the table has no zone or service of the name that is asked for.
func (s *selection) known(b ct.Bindings) error {
	var services, zones []string
	for i := range b.Services {
		services = append(services, b.Services[i].Name)
	}
	for i := range b.Zones {
		zones = append(zones, b.Zones[i].Name)
	}
	switch {
	case s.Service != "" && !slices.Contains(services, s.Service):
		return unknown("service", s.Service, services)
	case s.Zone != "" && !slices.Contains(zones, s.Zone):
		return unknown("zone", s.Zone, zones)
	}
	return nil
}

// unknown says that the table has no zone or service of a name, and which may be meant.
func unknown(kind, name string, all []string) error {
	return fmt.Errorf("the table has no %s %q%s: `snatctl status --all` lists all", kind, name, words.DidYouMean(name, all))
}

// match tells whether a flow is selected.
func (s *selection) match(f *ct.Flow, o *ct.Owner) bool {
	return s.Match(f, o) &&
		(s.proto == 0 || s.proto == f.Orig.Proto) &&
		(!s.past || o.Past) &&
		(!s.client.From.IsValid() || s.client.Contains(f.Orig.Src.Addr())) &&
		(s.state == "" || s.state == f.State())
}
