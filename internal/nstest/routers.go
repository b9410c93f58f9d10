package nstest

import (
	"context"
	"fmt"
)

// Routers puts a router behind each uplink of a world, so that an uplink can die in both ways: with its
// cable (Cut), and with all that is behind the router (Mute). Outside is behind both of them.
//
//	Gateway ─wan0─ Routers[0] 192.0.2.1  ─┐
//	        ─wan1─ Routers[1] 198.18.1.1 ─┴ Outside 8.8.8.0/24 9.9.9.0/24
//
// Both lead everywhere. The gateway's own route is by the first. The addresses from .8 to .15 of both nets,
// and by the first router 203.0.113.0/28, are sent to the gateway: laddrs.
type Routers [2]*Host

// routed are the nets between the gateway and the routers, without their last byte.
var routed = [2]struct{ v4, v6 string }{{"192.0.2.", "2001:db8:2::"}, {"198.18.1.", "2001:db8:3::"}}

// AddRouters rebuilds the uplinks of a world.
func (w *World) AddRouters(ctx context.Context) (r Routers, err error) {
	if err := w.Gateway.script(ctx, "ip link del wan0; ip link del wan1"); err != nil {
		return r, err
	}
	for i := range r {
		if r[i], err = newHost(fmt.Sprintf("isp%d", i+1)); err != nil {
			return r, err
		}
		w.routers = append(w.routers, r[i])
		n, p := routed[i], &plan{links: 1000 + 8*i}
		p.link(w.Gateway, fmt.Sprintf("wan%d", i), r[i], "lan")
		p.link(r[i], "out", w.Outside, fmt.Sprintf("isp%d", i+1))
		if p.err != nil {
			return r, p.err
		}
		for _, s := range []struct {
			on   *Host
			text string
		}{
			{w.Gateway, fmt.Sprintf("ip addr add %s2/24 dev wan%d; ip addr add %s2/64 dev wan%d", n.v4, i, n.v6, i)},
			{r[i], fmt.Sprintf("ip addr add %s1/24 dev lan; ip addr add %s1/64 dev lan; ip route add %s8/29 via %s2", n.v4, n.v6, n.v4, n.v4)},
			{w.Outside, fmt.Sprintf("ip addr add 172.31.%d.2/24 dev isp%d; ip addr add fd31:%d::2/64 dev isp%d", i, i+1, i, i+1)},
			{r[i], fmt.Sprintf("ip addr add 172.31.%d.1/24 dev out; ip addr add fd31:%d::1/64 dev out; ip route add default via 172.31.%d.2; ip -6 route add default via fd31:%d::2; ip route add 203.0.113.0/28 via %s2; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1", i, i, i, i, n.v4)},
			{w.Outside, fmt.Sprintf("ip route replace %s0/24 via 172.31.%d.1; ip -6 route replace %s/64 via fd31:%d::1", n.v4, i, n.v6, i)},
		} {
			if err := s.on.script(ctx, s.text); err != nil {
				return r, err
			}
		}
	}
	if err := w.Gateway.script(ctx, "ip route replace default via 192.0.2.1; ip -6 route replace default via 2001:db8:2::1"); err != nil {
		return r, err
	}
	return r, w.Announce(ctx, 0)
}

// Announce has Outside reach 203.0.113.0/28 by one of the routers, as a protocol between them would.
func (w *World) Announce(ctx context.Context, router int) error {
	return w.Outside.script(ctx, fmt.Sprintf("ip route replace 203.0.113.0/28 via 172.31.%d.1", router))
}

// Cut takes the link between the gateway and a router down; Splice takes that back.
func (r Routers) Cut(ctx context.Context, i int) error {
	return r[i].script(ctx, "ip link set lan down")
}

// Splice takes Cut back. The routes that went with the link come back, and so do its addresses: without one of the link
// a router asks no neighbour (net/ipv6/ndisc.c, ndisc_send_ns).
func (r Routers) Splice(ctx context.Context, i int) error {
	return r[i].script(ctx, fmt.Sprintf("ip link set lan up; ip -6 addr replace fe80::1/64 dev lan nodad; ip -6 addr replace %s1/64 dev lan; ip route replace %s8/29 via %s2; [ %d = 1 ] || ip route replace 203.0.113.0/28 via %s2", routed[i].v6, routed[i].v4, routed[i].v4, i, routed[i].v4))
}

// Mute has a router lose all that comes from the gateway without a word; Unmute takes that back. The link
// stays up, and the router answers for itself.
func (r Routers) Mute(ctx context.Context, i int) error {
	return r[i].script(ctx, "ip route replace blackhole default; ip -6 route replace blackhole default")
}

// Unmute takes Mute back.
func (r Routers) Unmute(ctx context.Context, i int) error {
	return r[i].script(ctx, fmt.Sprintf("ip route del blackhole default; ip -6 route del blackhole default; ip route replace default via 172.31.%d.2; ip -6 route replace default via fd31:%d::2", i, i))
}

// script runs a script of the shell that must succeed.
func (h *Host) script(ctx context.Context, text string) error {
	_, err := h.Output(ctx, "sh", "-ec", text)
	return err
}
