package main

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/ha"
	"github.com/snatctl/snatctl/policy"
)

type keepalivedOptions struct {
	pairFlags
	addresses    []string
	vips, laddrs string
	id, priority int
	interval     time.Duration
	notify       string
}

func haKeepalivedCommand() *cobra.Command {
	var o keepalivedOptions
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "keepalived -f FILE --node NAME --interface NAME --peers gw1=ADDRESS,gw2=ADDRESS",
		Short:       "print keepalived.conf for a node of a pair",
		Long: `Print keepalived.conf for a node of a pair. The same flags, but for --node, make that of the other node.

--address names what moves with the primary: the address that routers send VIPs and laddrs to, and the
gateway addresses of clients and real servers. VIPs and laddrs that lie in a network of the gateway's own, so
that neighbours ask for them, have to move, too: --vips and --laddrs take them from the policy. keepalived
watches the interfaces of all addresses.

Exit status: 0 printed, 1 invalid policy, or one that is not for a pair, 2 usage.`,
		Example: `  snatctl ha keepalived -f policy.yaml --node gw1 --interface wan0 --peers gw1=203.0.113.2,gw2=203.0.113.3 \
    --address wan0=203.0.113.1/24 --address lan0=10.1.0.1/16 >/etc/keepalived/keepalived.conf`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.print() },
	}
	o.add(c, "that VRRP is spoken on")
	f := c.Flags()
	f.StringArrayVar(&o.addresses, "address", nil, "an address that moves: `INTERFACE=ADDRESS/LENGTH`; may be repeated")
	f.StringVar(&o.vips, "vips", "", "also move the policy's VIPs, on this `interface`")
	f.StringVar(&o.laddrs, "laddrs", "", "also move the policy's laddrs, on this `interface`")
	f.IntVar(&o.id, "id", 51, "`number` of the virtual router, 1 to 255; others on this network have other ones")
	f.IntVar(&o.priority, "priority", 0, "`number` from 1 to 254; both nodes need different ones (default: 150 for the first node, 100 for the second)")
	f.DurationVar(&o.interval, "interval", 300*time.Millisecond, "`time` between adverts; a node that is silent for three of them is dead")
	f.StringVar(&o.notify, "notify", "/usr/bin/snatctl", "`path` of snatctl, which keepalived calls")
	return c
}

func (o *keepalivedOptions) print() error {
	p, err := o.read()
	if err != nil {
		return err
	}
	switch {
	case o.id < 1 || o.id > 255:
		return fmt.Errorf("--id: %d is not from 1 to 255", o.id)
	case o.priority < 0 || o.priority > 254:
		return fmt.Errorf("--priority: %d is not from 1 to 254", o.priority)
	case o.interval < 10*time.Millisecond || o.interval > 40*time.Second: // RFC 5798, 5.2.7: 12 bits of hundredths of a second
		return fmt.Errorf("--interval: %v is not from 10ms to 40s", o.interval)
	case !p.ends.Own.Is4():
		return fmt.Errorf("--peers: VRRP is to be spoken over IPv4; IPv6 addresses move with it all the same")
	case !strings.HasPrefix(o.notify, "/") || strings.ContainsAny(o.notify, " \t\n\""):
		return fmt.Errorf("--notify: %q is not the whole path of a program", o.notify)
	}
	v := ha.VRRP{Node: p.node, Ends: p.ends, ID: o.id, Priority: o.priority, Interval: o.interval, Notify: o.command(p.policy)}
	if v.Priority == 0 {
		if v.Priority = 100; p.first {
			v.Priority = 150
		}
	}
	for _, s := range o.addresses {
		m, err := parseMoving(s)
		if err != nil {
			return fmt.Errorf("--address: %w", err)
		}
		v.Moving = append(v.Moving, m)
	}
	if v.Moving, err = ha.Addresses(p.policy, o.vips, o.laddrs, v.Moving); err != nil {
		return exit{exitRefused, err}
	}
	if len(v.Moving) == 0 {
		return fmt.Errorf("nothing moves with the primary: name its addresses with --address INTERFACE=ADDRESS/LENGTH")
	}
	for _, w := range ha.Warnings(p.policy) {
		fmt.Fprintf(stderr, "warning: %s\n", w)
	}
	_, err = os.Stdout.WriteString(v.Keepalived())
	return err
}

// command is what keepalived calls, before the role.
func (o *keepalivedOptions) command(p *policy.Policy) string {
	if table := p.Gateway.Table; table != policy.DefaultGateway().Table {
		return o.notify + " ha notify --table " + table
	}
	return o.notify + " ha notify"
}

// parseMoving reads "wan0=203.0.113.1/24".
func parseMoving(s string) (m ha.Moving, err error) {
	iface, text, _ := strings.Cut(s, "=")
	if m.Prefix, err = netip.ParsePrefix(text); err != nil || iface == "" {
		return m, fmt.Errorf("%q is not INTERFACE=ADDRESS/LENGTH, such as wan0=203.0.113.1/24", s)
	}
	m.Interface = iface
	return m, nil
}
