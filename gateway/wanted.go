package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// Wanted is a policy on its way to the kernel: as it was written, as a model, and as a table.
type Wanted struct {
	Sources []policy.Source
	Policy  *policy.Policy
	Ruleset *nft.Ruleset
	Facts   policy.Facts // that Policy was resolved by; zero if it asks for none
}

// Facts reads what a policy asks of this host: which of its nodes it is, if nobody named one, and the
// addresses of interfaces that are VIPs. A policy that asks for nothing gets the zero value.
func Facts(node string, p *policy.Policy) (f policy.Facts, err error) {
	if len(p.Nodes) > 0 {
		if f.Node, err = NodeOf(node, p); err != nil {
			return f, err
		}
		f.Nodes = p.Told()
	}
	names := p.Interfaces()
	if len(names) == 0 {
		return f, nil
	}
	all, err := host.Global()
	if err != nil {
		return f, err
	}
	f.Addrs, f.Whole = make(map[string][]netip.Addr), true
	for _, name := range names {
		if list := all[name]; len(list) > 0 {
			f.Addrs[name] = list
		}
	}
	return f, nil
}

// NodeOf returns which node of a policy this machine is: the one that was named, else the one that the
// policy is at, else what the host says.
func NodeOf(named string, p *policy.Policy) (string, error) {
	switch {
	case named != "":
		return named, nil
	case p.NodeName() != "":
		return p.NodeName(), nil
	}
	return host.Node()
}

// Follow makes the policy for this host as it is now, if interfaces whose addresses are VIPs have others
// than when it was made; otherwise it returns nil. The diagnostics say what the new addresses contradict.
func (w *Wanted) Follow() (*Wanted, policy.Diagnostics, error) {
	if !w.Facts.Whole {
		return nil, nil, nil
	}
	now, err := Facts(w.Facts.Node, w.Policy)
	if err != nil || len(w.Policy.Moved(now)) == 0 {
		return nil, nil, err
	}
	p, ds := read.Parse(w.Sources)
	if p == nil {
		return nil, ds, nil
	}
	next, ds := CompileFor(now, p, w.Sources)
	return next, ds, nil
}

// CompileFor makes the table of a policy on a host that has these facts.
func CompileFor(f policy.Facts, p *policy.Policy, sources []policy.Source) (*Wanted, policy.Diagnostics) {
	p, ds := p.Resolve(f)
	if p == nil {
		return nil, ds
	}
	w, more := Compile(p, sources)
	if w != nil {
		w.Facts = f
	}
	return w, append(ds, more...)
}

// Compile makes a policy's table. It is nil where the policy cannot be carried out; the
// diagnostics say why.
func Compile(p *policy.Policy, sources []policy.Source) (*Wanted, policy.Diagnostics) {
	r, ds := compiler.Compile(p)
	if r == nil {
		return nil, ds
	}
	return &Wanted{Sources: sources, Policy: p, Ruleset: r}, ds
}

// Hash tells policies apart by their text, as policy.Hash does.
func (w *Wanted) Hash() string { return policy.Hash(w.Sources) }

// complete gives the table the flowtable that the policy asks for, over the interfaces that
// this host has now. With offload: auto a kernel without flowtables is no error.
func (w *Wanted) complete(ctx context.Context, conn *nftlink.Conn) error {
	offload := w.Policy.Gateway.Offload
	if offload == policy.OffloadOff || w.Ruleset.Flowtable != nil {
		return nil
	}
	auto := offload == policy.OffloadAuto
	probe := &nft.Ruleset{}
	compiler.Offload(probe, nil)
	var refused *nftlink.RefusedError
	switch err := conn.Try(ctx, probe); {
	case errors.As(err, &refused) && auto:
		return nil
	case err != nil:
		return fmt.Errorf("gateway.offload: software: %w (`offload: auto` does without if it must)", err)
	}
	devices, err := host.Devices() // the kernel hooks a flowtable into any (nf_register_net_hook looks at no type)
	switch {
	case err != nil:
		return err
	case len(devices) > nft.FlowtableDevices && auto:
		return nil
	case len(devices) > nft.FlowtableDevices:
		return fmt.Errorf("gateway.offload: software: this host has %d interfaces, and a flowtable can have %d (`offload: auto` does without)", len(devices), nft.FlowtableDevices)
	}
	if len(devices) > 0 {
		compiler.Offload(w.Ruleset, devices)
	}
	return nil
}
