package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/route"
	"github.com/snatctl/snatctl/route/routelink"
)

// planAddresses says what is to be done so that VIPs and laddrs end on this host, gateway.addresses, and
// so that packets leave by their uplinks. Without them, what an earlier policy asked for has to go. An interface that does
// not exist is worth a warning, as for uplinks: at boot it may come later.
func (g *Gateway) planAddresses(w *Wanted) (route.Plan, error) {
	plan, missing, err := g.compareAddresses(w)
	switch {
	case errors.Is(missing, route.ErrFar):
		g.tell(Warning{missing})
	case missing != nil:
		g.tell(Warning{fmt.Errorf("gateway.addresses: %w: apply again once it exists", missing)})
	}
	return plan, err
}

// compareAddresses reads what of ours this host has, and compares it with what the policy wants.
// missing is route.ErrNoInterface or route.ErrFar.
func (g *Gateway) compareAddresses(w *Wanted) (p route.Plan, missing, err error) {
	conn, err := routelink.Open()
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	host, err := conn.Read(g.table, route.AskFor(w.Policy))
	if err != nil {
		return nil, nil, err
	}
	want, err := route.Want(w.Policy, host.Facts)
	if errors.Is(err, route.ErrNoInterface) || errors.Is(err, route.ErrFar) {
		missing, err = err, nil
	}
	return route.Diff(host.Have, want), missing, err
}

// repair is how to get back what others changed.
const repair = "`snatctl rollback 0 --dry-run` shows the difference, `snatctl rollback 0` repairs it"

// misplaced finds VIPs and laddrs that are not this host's, although gateway.addresses says so, and what the
// routing of uplinks lacks.
func (g *Gateway) misplaced(w *Wanted) ([]ct.Problem, error) {
	plan, missing, err := g.compareAddresses(w)
	problem := func(s ct.Severity, format string, args ...any) []ct.Problem {
		return []ct.Problem{{Severity: s, Object: "gateway", Text: fmt.Sprintf(format, args...)}}
	}
	ways, plan := plan.Uplinks()
	adds, removes := plan.Split()
	out := misled(w, ways)
	switch {
	case errors.Is(err, route.ErrRefused), errors.Is(err, route.ErrTables):
		return problem(ct.Critical, "%v", err), nil
	case err != nil:
		return nil, err
	case errors.Is(missing, route.ErrFar):
		return append(out, problem(ct.Critical, "%v", missing)...), nil
	case missing != nil:
		return append(out, problem(ct.Critical, "%v: answers to them do not come here", missing)...), nil
	case len(adds) > 0:
		return append(out, problem(ct.Critical, "routes or addresses of gateway.addresses are missing: +%d -%d; %s", len(adds), len(removes), repair)...), nil
	case len(removes) > 0:
		return append(out, problem(ct.Warning, "routes or addresses are left over that gateway.addresses made: -%d; %s", len(removes), repair)...), nil
	}
	return out, nil
}

// misled says what is wrong with the routes and rules of uplinks.
func misled(w *Wanted, ways route.Plan) (out []ct.Problem) {
	for _, c := range ways.Changes(route.NamesOf(w.Policy)) {
		p := ct.Problem{Severity: ct.Critical, Object: "gateway", Text: "missing: " + c.Detail + "; " + repair}
		switch {
		case c.Action == route.Remove:
			p.Severity, p.Text = ct.Warning, "left over: "+c.Detail+"; "+repair
		case c.Action == route.Replace:
			p.Text = "other than the policy says: " + c.Detail + "; " + repair
		}
		switch c.Of {
		case route.Uplink:
			p.Object = "uplink " + c.Name
		case route.Node:
			p.Object = "node " + c.Name
		}
		out = append(out, p)
	}
	return out
}

// carryOut carries out a plan, and returns what it did.
func (g *Gateway) carryOut(ctx context.Context, p route.Plan) (done route.Plan, err error) {
	if len(p) == 0 {
		return nil, nil
	}
	conn, err := routelink.Open()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if done, err = conn.Apply(ctx, g.table, p); err != nil {
		err = fmt.Errorf("routes and addresses: %w", err)
	}
	return done, err
}

// takeBack takes back what carryOut did.
func (g *Gateway) takeBack(done route.Plan) error {
	if len(done) == 0 {
		return nil
	}
	conn, err := routelink.Open()
	if err != nil {
		return &routelink.UndoError{Err: err}
	}
	defer conn.Close()
	return conn.Undo(context.Background(), g.table, done)
}

// announce tells neighbours of addresses that an interface has got. The policy is in force by then:
// what fails is worth a warning.
func (g *Gateway) announce(p route.Plan) {
	if err := routelink.Announce(p.Assigned()); err != nil {
		g.tell(Warning{fmt.Errorf("neighbours may send packets elsewhere until they ask again: %w", err)})
	}
}

// tellAddresses says what a plan means, after all that changes in the table. live is the table as it was, which
// knows uplinks that the policy has no more.
func (d *Difference) tellAddresses(w *Wanted, live *nft.Ruleset, p route.Plan) {
	names := route.NamesOf(w.Policy)
	for mark, name := range readback.Uplinks(live) {
		if table := w.Policy.Gateway.TableOf(policy.MarkedUplink(mark)); names.Tables[table] == "" {
			names.Tables[table] = name
		}
	}
	if names.Node == "" {
		names.Node = readback.ChanceOf(live).Node
	}
	actions := map[route.Action]tell.Action{route.Add: tell.AddObject, route.Remove: tell.RemoveObject, route.Replace: tell.ChangeObject}
	kinds := map[route.Subject]tell.Kind{route.Addresses: tell.KindAddress, route.Uplink: tell.KindUplink, route.Node: tell.KindNode, route.Uplinks: tell.KindGateway}
	for _, c := range p.Changes(names) {
		if c.Of == route.Uplinks {
			c.Name = w.Ruleset.Table
		}
		d.Changes = append(d.Changes, tell.Change{Action: actions[c.Action], Kind: kinds[c.Of], Name: c.Name, Detail: c.Detail})
	}
}

// Removed is what Remove found and removed.
type Removed struct {
	Table     bool
	Addresses int // routes, addresses and neighbour proxies
	Uplinks   int // routes and rules of uplinks
	Callers   int // interfaces that had the program of client_address
	Announced int // routes that BIRD was told of
}

// removeAddresses removes all of ours, and returns what that was.
func (g *Gateway) removeAddresses(ctx context.Context) (done route.Plan, err error) {
	conn, err := routelink.Open()
	if err != nil {
		return nil, err
	}
	host, err := conn.Read(g.table, route.Ask{})
	conn.Close()
	if err != nil {
		return nil, err
	}
	return g.carryOut(ctx, route.Diff(host.Have, route.State{}))
}

// AddressesMoved tells whether routes, rules and addresses of this host are others than gateway.addresses
// and uplinks want, or the programs others than client_address wants. Without these nobody looks.
func (g *Gateway) AddressesMoved(_ context.Context, w *Wanted) (bool, error) {
	if route.AskFor(w.Policy).Any() {
		if plan, _, err := g.compareAddresses(w); err != nil || len(plan) > 0 {
			return len(plan) > 0, err
		}
	}
	if !slices.ContainsFunc(w.Policy.Services, func(s policy.Service) bool { return s.TellsClients() }) {
		return false, nil
	}
	plan, _, err := g.compareCallers(w.Policy)
	return err == nil && !plan.Empty(), err
}
