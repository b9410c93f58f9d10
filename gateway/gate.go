package gateway

import (
	"context"
	"fmt"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/nft/wire"
)

// Gate keeps a node of a pair that waits from forwarding packets of flows that it does not know. Such
// packets come when addresses have moved to it and its peer's flows are not in its kernel yet: it would take
// those for new connections, and send them to other real servers, or answer with a reset.
//
// It is a table of its own, beside that of the policy: a node that takes over opens it at once, also while
// an apply is at work. The kernel alone knows whether it is closed.
type Gate struct {
	table string // of the policy
	conn  *nftlink.Conn
}

// GateState is how a gate stands.
type GateState struct {
	Closed  bool
	Dropped uint64 // packets, since it was closed
}

// OpenGate opens the way to the gate beside a table, and leaves it as it is.
func OpenGate(table string) (*Gate, error) {
	conn, err := nftlink.Open()
	if err != nil {
		return nil, err
	}
	return &Gate{table, conn}, nil
}

// Close lets go of it, and leaves it as it is.
func (g *Gate) Close() { g.conn.Close() }

// dropped is what the gate counts.
var dropped = nft.Ref{Kind: nft.KindCounter, Name: "dropped"}

// gateTable is the table of a closed gate. It looks at packets before the policy's chain of that hook does.
func gateTable(table string) *nft.Ruleset {
	drop := func(s nft.Stmt) nft.Rule {
		return nft.Rule{Stmts: []nft.Stmt{s, nft.Use{Object: dropped}, nft.Give{Verdict: nft.Verdict{Kind: nft.Drop}}}}
	}
	return &nft.Ruleset{
		Table: layout.GateOf(table), Comment: layout.GateComment,
		Objects: []nft.Object{nft.NamedCounter{Name: dropped.Name}},
		Chains: []*nft.Chain{{
			Name:  "forward",
			Hook:  &nft.Hook{Type: "filter", Point: nft.Forward, Priority: -10},
			Rules: []nft.Rule{drop(nft.CtNew{}), drop(nft.CtStray{})},
		}},
	}
}

// Shut closes the gate. One that is closed stays as it is, with its count.
func (g *Gate) Shut(ctx context.Context) error {
	head, err := g.conn.Head(ctx, layout.GateOf(g.table))
	switch {
	case err == nil && head != nil && layout.Ours(head.Comment):
		return nil
	case err == nil && head != nil:
		return &ForeignError{layout.GateOf(g.table)}
	case err == nil:
		var want nft.Formed
		if want, err = wire.Forms(gateTable(g.table)); err == nil {
			err = g.conn.Apply(ctx, nft.Diff(nil, want), whatever) // others may write meanwhile
		}
	}
	if err != nil {
		return fmt.Errorf("close the gate: %w", err)
	}
	return nil
}

// Open opens the gate. One that is open stays so.
func (g *Gate) Open(ctx context.Context) error {
	head, err := g.conn.Head(ctx, layout.GateOf(g.table))
	switch {
	case err == nil && head == nil:
		return nil
	case err == nil && !layout.Ours(head.Comment):
		return &ForeignError{layout.GateOf(g.table)}
	case err == nil:
		_, err = g.conn.Delete(ctx, layout.GateOf(g.table))
	}
	if err != nil {
		return fmt.Errorf("open the gate: %w", err)
	}
	return nil
}

// State tells how the gate stands.
func (g *Gate) State(ctx context.Context) (s GateState, err error) {
	live, _, err := g.conn.Read(ctx, layout.GateOf(g.table))
	if err != nil || live == nil || !layout.Ours(live.Comment) {
		return s, err
	}
	s.Closed = true
	for _, o := range live.Objects {
		if c, ok := o.(nft.NamedCounter); ok && o.Ref() == dropped {
			s.Dropped = c.Packets
		}
	}
	return s, nil
}
