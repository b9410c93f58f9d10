package nftlink

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft/wire"
)

// BaseChain is a chain that a hook calls, of any table.
type BaseChain = wire.BaseChain

// Fate is what becomes of new connections that come to the end of a chain.
type Fate = wire.Fate

// NoNew tells whether a match of iptables holds for no new connection.
func NoNew(match string, revision uint8, info []byte) bool { return wire.NoNew(match, revision, info) }

// BaseChains lists the base chains of all tables that IP packets pass, by family.
func (c *Conn) BaseChains(ctx context.Context) ([]BaseChain, error) {
	var out []BaseChain
	for _, f := range []struct {
		number byte
		name   string
	}{{unix.NFPROTO_IPV4, "ip"}, {unix.NFPROTO_IPV6, "ip6"}, {unix.NFPROTO_INET, "inet"}} {
		from := len(out)
		err := c.requestOf(ctx, f.number, unix.NFT_MSG_GETCHAIN, unix.NLM_F_DUMP, nil, func(b []byte) error {
			if chain, ok := wire.DecodeBaseChain(b); ok {
				chain.Family = f.name
				out = append(out, chain)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list the chains of family %s: %w", f.name, explainErrno(err))
		}
		if err := c.judge(ctx, f.number, out[from:]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// judge follows the rules of the base chains that filter at forward.
func (c *Conn) judge(ctx context.Context, family byte, chains []BaseChain) error {
	tables := make(map[string]wire.Judged)
	for i := range chains {
		b := &chains[i]
		if !b.Filters() {
			continue
		}
		if tables[b.Table] == nil {
			rules := make(wire.Judged)
			err := c.requestOf(ctx, family, unix.NFT_MSG_GETRULE, unix.NLM_F_DUMP, wire.OfTable(b.Table), func(m []byte) error {
				rules.Take(m, b.Table)
				return nil
			})
			if err != nil {
				return fmt.Errorf("list the rules of table %s: %w", b.Table, err)
			}
			tables[b.Table] = rules
		}
		b.Judge(tables[b.Table])
	}
	return nil
}
