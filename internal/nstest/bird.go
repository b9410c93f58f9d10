package nstest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
)

// gatewayBird is the bird.conf of gateway N, as an operator writes it once.
const gatewayBird = `
router id 172.16.0.{N};
protocol device { scan time 10; }
protocol bfd { interface "core" { interval {WATCH} ms; multiplier 3; }; }
include "{DIR}/snatctl*.conf"; # which snatctl writes
protocol kernel kernel4 { ipv4 { import none; export where proto ~ "snatctl_*"; }; }
protocol kernel kernel6 { ipv6 { import none; export where proto ~ "snatctl_*"; }; }
template bgp to_router {
	local as 65010;
	bfd on;
	hold time 9; connect delay time 1; connect retry time 1; error wait time 1, 2;
}
protocol bgp router4 from to_router {
	neighbor 172.16.0.254 as 65000;
	ipv4 { import none; export where proto ~ "snatctl_*"; };
}
protocol bgp router6 from to_router {
	neighbor fd16::fe as 65000;
	ipv6 { import none; export where proto ~ "snatctl_*"; };
}
`

// routerBird is that of the router, without its neighbours. Where next hop groups are resilient, BIRD writes to a
// table of its own, and resilient carries it over.
const routerBird = `
router id 172.16.0.254;
protocol device { scan time 10; }
protocol bfd { interface "core" { interval {WATCH} ms; multiplier 3; }; }
protocol kernel kernel4 { kernel table {TABLE}; merge paths on; ipv4 { import none; export where source = RTS_BGP; }; }
protocol kernel kernel6 { kernel table {TABLE}; merge paths on; ipv6 { import none; export where source = RTS_BGP; }; }
template bgp to_gateway {
	local as 65000;
	bfd on;
	hold time 9; connect delay time 1; connect retry time 1; error wait time 1, 2;
}
`

const neighbourBird = `
protocol bgp gw{N}v4 from to_gateway { neighbor 172.16.0.{N} as 65010; ipv4 { import all; export none; }; }
protocol bgp gw{N}v6 from to_gateway { neighbor fd16::{N} as 65010; ipv6 { import all; export none; }; }
`

// Speak starts BIRD on all gateways and the router, and returns once all speak BGP with BFD.
func (f *Fleet) Speak(ctx context.Context) error {
	table := "254" // main
	if f.resilient != nil {
		table = fmt.Sprint(resilientTable)
	}
	router := strings.NewReplacer("{TABLE}", table, "{WATCH}", fmt.Sprint(f.watch.Milliseconds())).Replace(routerBird)
	for i := range f.Gateways {
		router += strings.ReplaceAll(neighbourBird, "{N}", fmt.Sprint(i+1))
	}
	var err error
	if f.routes, err = startBird(f.Router, filepath.Join(f.Dir, "router"), router); err != nil {
		return err
	}
	f.birds = make([]*Daemon, len(f.Gateways))
	for i := range f.Gateways {
		if err := f.StartBird(i); err != nil {
			return err
		}
	}
	return f.Established(ctx, 2*len(f.Gateways))
}

// StartBird starts the BIRD of a gateway, where StopBird had ended it.
func (f *Fleet) StartBird(i int) (err error) {
	conf := strings.NewReplacer("{N}", fmt.Sprint(i+1), "{DIR}", f.Files(i), "{WATCH}", fmt.Sprint(f.watch.Milliseconds())).Replace(gatewayBird)
	f.birds[i], err = startBird(f.Gateways[i], f.Files(i), conf)
	return err
}

// StopBird ends the BIRD of a gateway in good order.
func (f *Fleet) StopBird(i int) error { return f.birds[i].End() }

// startBird runs BIRD with its files in a directory.
func startBird(h *Host, dir, conf string) (*Daemon, error) {
	file := filepath.Join(dir, "bird.conf")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return nil, err
	}
	return h.Start(filepath.Join(dir, "bird.log"), "bird", "-f", "-c", file, "-s", filepath.Join(dir, "bird.ctl"), "-P", filepath.Join(dir, "bird.pid"))
}

// Established waits until the router has so many sessions of BGP, each of which BFD watches.
func (f *Fleet) Established(ctx context.Context, want int) error {
	var seen string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		bgp, err := f.Birdc(ctx, -1, "show", "protocols")
		if err != nil {
			if f.routes.Gone() {
				log, _ := os.ReadFile(f.routes.Log)
				return fmt.Errorf("the router's BIRD has ended:\n%s", log)
			}
			seen = err.Error() // it may not listen yet
			continue
		}
		bfd, err := f.Birdc(ctx, -1, "show", "bfd", "sessions")
		if err != nil {
			return err
		}
		if strings.Count(bgp, "Established") == want && strings.Count(bfd, " Up ") == want {
			return nil
		}
		seen = bgp + bfd
	}
	return fmt.Errorf("the router does not have %d sessions:\n%s", want, seen)
}

// Birdc asks the BIRD of a gateway, or of the router where i is negative, and returns its answer.
func (f *Fleet) Birdc(ctx context.Context, i int, words ...string) (string, error) {
	h, dir := f.Router, filepath.Join(f.Dir, "router")
	if i >= 0 {
		h, dir = f.Gateways[i], f.Files(i)
	}
	return h.Output(ctx, "birdc", append([]string{"-s", filepath.Join(dir, "bird.ctl")}, words...)...)
}

// Via returns the numbers of the gateways that the router sends a prefix to, in order; none: it has no route.
func (f *Fleet) Via(prefix string) ([]int, error) {
	family := netlink.FAMILY_V4
	if netip.MustParsePrefix(prefix).Addr().Is6() {
		family = netlink.FAMILY_V6
	}
	routes, err := f.Router.nl.RouteListFiltered(family, &netlink.Route{Dst: ipNet(prefix)}, netlink.RT_FILTER_DST)
	var out []int
	for _, r := range routes {
		for _, gw := range hopsOf(r) {
			if n := len(gw); n > 0 && gw[n-1] >= 1 && gw[n-1] <= nodes {
				out = append(out, int(gw[n-1])-1)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), err
}

// hopsOf returns the gateways of a route.
func hopsOf(r netlink.Route) []net.IP {
	if len(r.MultiPath) == 0 {
		return []net.IP{r.Gw}
	}
	var out []net.IP
	for _, h := range r.MultiPath {
		out = append(out, h.Gw)
	}
	return out
}
