package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/rfc"
)

type explainOptions struct {
	files           []string
	from, to, proto string
	iif, oif        string
	mark            string
	state           string
	self            bool
	known           addressFlag
	format          string
}

func explainCommand() *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "explain -f FILE --from IP[:PORT] --to IP[:PORT] --proto P",
		Short:       "print what the policy does with a connection, and why",
		Long: `Say which service or zone of the policy decides about a new connection, what its source and
destination may become, and why, step by step. explain reads the policy alone, not the kernel.

Write an IPv6 address with a port in brackets: [2001:db8::1]:443. Without --oif the connection
leaves through an uplink, unless it goes to a real server. Without --iif no zone with iif matches.
If a VIP is the address of an interface, name it with --address. Services by mark take it if --mark
says that others' rules have marked it.

With the name of an RFC, as rfc4787, it says what that asks of a NAT and how the policy answers.

Exit status: 0 explained, 1 invalid policy, 2 usage.`,
		Example: `  snatctl explain -f policy.yaml --from 10.1.5.9 --to 8.8.8.8:443 --proto tcp
  snatctl explain -f policy.yaml --from 10.1.5.9 --to 203.0.113.10:80 --proto tcp --format json | jq .dnat`,
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if o.files, err = policyFiles(o.files, args); err != nil {
				return err
			}
			if err := checkFormat(o.format); err != nil {
				return err
			}
			return explain(outlet(o.format), o)
		},
	}
	fileFlag(c, &o.files)
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "source: `IP[:PORT]`")
	f.StringVar(&o.to, "to", "", "destination: `IP[:PORT]`")
	f.StringVar(&o.proto, "proto", "", "protocol: tcp, udp, sctp, icmp, icmpv6 or a `number`")
	f.StringVar(&o.iif, "iif", "", "`interface` that the connection comes in through")
	f.StringVar(&o.oif, "oif", "", "`interface` that the connection leaves through (default: an uplink, unless it goes to a real server)")
	f.StringVar(&o.mark, "mark", "", "`mark` of the packet when services are looked up, as 7 or 0x7")
	f.BoolVar(&o.self, "self", false, "the connection is the gateway's own")
	f.StringVar(&o.state, "state", "new", "new, or invalid: a packet that belongs to no connection")
	o.known.add(c)
	f.StringVar(&o.format, "format", "text", "format of the output: `text|json`")
	for _, name := range []string{"from", "to", "proto"} {
		_ = c.MarkFlagRequired(name)
	}
	for _, d := range rfc.Documents() {
		c.AddCommand(conformanceCommand(d))
	}
	return c
}

func explain(w io.Writer, o explainOptions) error {
	pkt, err := o.packet()
	if err != nil {
		return err
	}
	p, err := readPolicy(o.files)
	if err == nil {
		p, err = o.known.resolve(p, "no connection is explained as a call to them")
	}
	if err != nil {
		return exit{exitRefused, err}
	}
	d := p.DecideAll(pkt)
	if pkt.OIf == "" && len(d.Uplinks) == 0 {
		pkt.OIf = p.WayOut(pkt.To.Addr())
	}
	if o.oif == "" && len(d.DNAT) > 0 {
		pkt.OIf = "" // it goes where its new destination is, which is no uplink as a rule
	}
	if s, ok := p.Subscriber(pkt.To); ok {
		// Nobody calls a laddr: who asks about one wants to know who is behind it.
		d.Steps = append(d.Steps, fmt.Sprintf("%s is a laddr of zone %s: its block %s belongs to %s", pkt.To, s.Zone, s.Block(), s.Source))
		d.Reason += "; " + d.Steps[len(d.Steps)-1]
	}
	if o.format == "json" {
		return view.DecisionJSON(w, &d)
	}
	view.Decision(w, pkt, &d)
	return nil
}

// packet makes a packet of the flags.
func (o *explainOptions) packet() (policy.Packet, error) {
	pkt := policy.Packet{IIf: o.iif, OIf: o.oif, Self: o.self, Invalid: o.state == "invalid"}
	if o.state != "" && o.state != "new" && o.state != "invalid" {
		return pkt, fmt.Errorf("--state is %q: use new or invalid", o.state)
	}
	var err error
	if o.mark != "" {
		mark, err := strconv.ParseUint(o.mark, 0, 32)
		if err != nil {
			return pkt, fmt.Errorf("--mark is %q: use a number of 32 bits", o.mark)
		}
		pkt.Mark = uint32(mark)
	}
	if pkt.From, err = inet.ParseEndpoint(o.from); err != nil {
		return pkt, fmt.Errorf("--from: %w", err)
	}
	if pkt.To, err = inet.ParseEndpoint(o.to); err != nil {
		return pkt, fmt.Errorf("--to: %w", err)
	}
	if pkt.Proto, err = inet.ParseAnyProto(o.proto); err != nil {
		return pkt, fmt.Errorf("--proto: %w", err)
	}
	switch from, to := pkt.From.Addr(), pkt.To.Addr(); {
	case inet.FamilyOf(from) != inet.FamilyOf(to):
		return pkt, fmt.Errorf("--from %s and --to %s are of different families", from, to)
	case !pkt.Proto.HasPorts() && (pkt.From.Port() != 0 || pkt.To.Port() != 0):
		return pkt, fmt.Errorf("--proto %s has no ports", pkt.Proto)
	}
	return pkt, nil
}
