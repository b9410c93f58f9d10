package gateway

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// Stick has persistent services remember the clients of all flows that stand: those that another gateway
// had, and that a program has entered. It returns how many clients they did not know. Clients
// without a flow are not known to anybody, and get a real server anew.
func (g *Gateway) Stick(ctx context.Context) (int, error) {
	p, err := g.policyInForce(ctx)
	if err != nil {
		return 0, err
	}
	if p == nil {
		return 0, nil
	}
	clients := compiler.ClientsOf(p)
	if clients == nil {
		return 0, nil
	}
	sets, err := g.conn.Some(ctx, g.table, func(s *nft.Set) bool {
		n, ok := layout.ParseSet(s.Name)
		return ok && n.Kind == layout.Sticky
	})
	if err != nil {
		return 0, err
	}
	wanted, err := remembered(ctx, clients)
	if err != nil {
		return 0, err
	}
	for tries := 3; ; tries-- {
		n, err := g.enterClients(ctx, sets, wanted)
		if tries == 0 || !errors.Is(err, unix.ENOENT) {
			return n, err
		}
	}
}

// policyInForce reads the policy that was applied last; nil if the history does not know it.
func (g *Gateway) policyInForce(ctx context.Context) (*policy.Policy, error) {
	e, err := g.Newest(ctx)
	if err != nil || e == nil || e.State == history.Reverted {
		return nil, err
	}
	sources, err := g.store.Sources(*e)
	if err != nil {
		return nil, fmt.Errorf("read entry %d of the history: %w", e.ID, err)
	}
	p, ds := read.Parse(sources)
	if p == nil {
		return nil, fmt.Errorf("read entry %d of the history: %w", e.ID, ds.Err())
	}
	here, d := p.At(e.Facts.Node)
	if d != nil {
		return nil, policy.Diagnostics{*d}.Err()
	}
	return here, nil
}

// heldBy is a client of a sticky map.
type heldBy struct{ set, key string }

// stay is where it is, and for how long its flow would stand without packets, in seconds.
type stay struct {
	compiler.Remembered
	left uint32
}

// remembered returns what flows tell of clients. Of several flows of a client the one counts that moved last.
func remembered(ctx context.Context, clients *compiler.Clients) (map[heldBy]stay, error) {
	table, err := ctlink.Open()
	if err != nil {
		return nil, err
	}
	defer table.Close()
	out := make(map[heldBy]stay)
	for f, err := range table.Flows(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list the flows: %w", err)
		}
		if f.Zoned() || f.Status&ct.Expected != 0 {
			continue
		}
		r, ok := clients.Remember(compiler.Sent{Proto: f.Orig.Proto, Client: f.Orig.Src.Addr(), Called: f.Orig.Dst, Server: f.Reply.Src, Mark: f.Mark})
		k := heldBy{r.Map, r.Entry.Key}
		if had, known := out[k]; ok && (!known || f.Timeout > had.left) {
			out[k] = stay{r, f.Timeout}
		}
	}
	return out, nil
}

// enterClients enters clients that the maps do not know, or know with another real server.
func (g *Gateway) enterClients(ctx context.Context, sets []*nft.Set, wanted map[heldBy]stay) (n int, err error) {
	live, err := g.conn.Entered(ctx, &nft.Ruleset{Table: g.table, Sets: sets})
	if err != nil {
		return 0, err
	}
	gone, clients := make(map[*nft.Set][]nft.Element), make(map[*nft.Set][]wire.Client)
	is := make(map[heldBy]string)
	for _, s := range live {
		for _, e := range s.Elements {
			k := heldBy{s.Name, e.Key}
			is[k] = e.Data
			if want, ok := wanted[k]; ok && want.Entry.Data != e.Data {
				gone[s] = append(gone[s], e)
			}
		}
		for k, want := range wanted {
			if k.set == s.Name && is[k] != want.Entry.Data {
				clients[s] = append(clients[s], wire.Client{Element: want.Entry, Timeout: want.Timeout})
				n++
			}
		}
	}
	if n == 0 {
		return 0, nil
	}
	if err := g.conn.Enter(ctx, g.table, gone, clients); err != nil {
		return 0, fmt.Errorf("remember %d clients: %w", n, err)
	}
	return n, nil
}
