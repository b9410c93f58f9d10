package gateway

import (
	"context"
	"net/netip"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/policy"
)

// Calls counts the flows that called a VIP of the policy and have not ended.
func Calls(ctx context.Context, p *policy.Policy) (n int, err error) {
	vips := make(map[netip.Addr]bool)
	for i := range p.Services {
		for _, vip := range p.Services[i].VIP {
			vips[vip] = true
		}
	}
	table, err := ctlink.Open()
	if err != nil {
		return 0, err
	}
	defer table.Close()
	for f, err := range table.Flows(ctx) {
		if err != nil {
			return 0, err
		}
		if vips[f.Orig.Dst.Addr()] && f.TCPState != ct.TimeWait && f.TCPState != ct.Close {
			n++
		}
	}
	return n, nil
}
