package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
)

// offload gives a compiled table the flowtable that the policy asks for, over the interfaces
// that this host has now. With offload: auto a kernel without flowtables is no error.
func offload(ctx context.Context, conn *nftlink.Conn, p *policy.Policy, want *nft.Ruleset) error {
	if p.Gateway.Offload == policy.OffloadOff {
		return nil
	}
	auto := p.Gateway.Offload == policy.OffloadAuto
	probe := &nft.Ruleset{}
	compiler.Offload(probe, nil)
	var refused *nftlink.RefusedError
	switch err := conn.Try(ctx, probe); {
	case errors.As(err, &refused) && auto:
		return nil
	case err != nil:
		return fmt.Errorf("gateway.offload: software: %w (`offload: auto` does without where it must)", err)
	}
	devices, err := flowDevices()
	switch {
	case err != nil:
		return err
	case len(devices) > nft.FlowtableDevices && auto:
		return nil
	case len(devices) > nft.FlowtableDevices:
		return fmt.Errorf("gateway.offload: software: this host has %d interfaces, and a flowtable can have %d (`offload: auto` does without)", len(devices), nft.FlowtableDevices)
	}
	if len(devices) > 0 {
		compiler.Offload(want, devices)
	}
	return nil
}

// flowDevices lists the interfaces that packets to be forwarded come in by: all but loopback.
// The kernel hooks a flowtable into any of them (nf_register_net_hook looks at no type).
func flowDevices() ([]string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the interfaces of this host: %w", err)
	}
	var out []string
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 {
			out = append(out, i.Name)
		}
	}
	return out, nil
}

// withoutOffload says that a script has no flowtable, because it may be meant for another host.
func withoutOffload(p *policy.Policy) string {
	if p.Gateway.Offload == policy.OffloadOff {
		return ""
	}
	where := ""
	if p.Gateway.Offload == policy.OffloadAuto {
		where = ", if the kernel can"
	}
	return fmt.Sprintf("# gateway.offload is %s: snatctl apply adds a flowtable of the interfaces that the host has then%s.\n", p.Gateway.Offload, where)
}
