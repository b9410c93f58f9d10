package lint

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// crowdedHost has as many addresses, routes, interfaces and listeners as one has to reckon with.
func crowdedHost() Host {
	h := healthy()
	for i := range 10_000 {
		h.Interfaces[1].Addrs = append(h.Interfaces[1].Addrs, prefix(fmt.Sprint(sample.Addr("20.0.0.0", i))+"/32"))
		h.Routes = append(h.Routes, Route{Dst: prefix(fmt.Sprint(sample.Addr("10.0.0.0", i*256)) + "/24"), Interface: "lan0", Table: 254})
	}
	for i := range 3000 {
		name := fmt.Sprintf("ppp%d", i)
		h.Interfaces = append(h.Interfaces, Interface{Name: name})
		h.Sysctls["net/ipv4/conf/"+name+"/rp_filter"] = "1"
	}
	for i := range 200 {
		h.Listeners = append(h.Listeners, Listener{Proto: inet.TCP, Addr: netip.IPv4Unspecified(), Port: uint16(i)})
	}
	return h
}

func BenchmarkCheckHost(b *testing.B) {
	h := crowdedHost()
	for _, size := range []struct {
		name string
		text []byte
	}{
		{"zones=10000", sample.ZonesWithConditions(10_000, 1000)},
		{"services=30000", sample.Services(30_000, 4)},
		{"nested=10000", nested(10_000)},
	} {
		p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: size.text}})
		if p == nil {
			b.Fatal(ds)
		}
		b.Run(size.name, func(b *testing.B) {
			for b.Loop() {
				CheckHost(p, h)
			}
		})
	}
}
