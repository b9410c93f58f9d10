package nftlink

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
)

// Generation names a state of all rulesets of a network namespace: every committed
// transaction, anyone's, makes a new one. The zero value is no generation.
type Generation uint32

// After returns the generation that n transactions lead to, if nobody else commits any: they are
// counted on, and 0 is none (net/netfilter/nf_tables_api.c, nf_tables_commit).
func (g Generation) After(n uint32) Generation {
	now := g + Generation(n)
	if now < g {
		now++
	}
	return now
}

// attempts bounds how often something is tried again because another writer came between.
const attempts = 3

// ErrMoving says that the ruleset changed whenever it was read.
var ErrMoving = errors.New("another program keeps changing the ruleset of this network namespace")

// Read reads a table of family inet, and the generation at which it stood so. A table that
// does not exist gives nil. It fails with ErrMoving if others write each time that it is tried.
func (c *Conn) Read(ctx context.Context, table string) (*nft.Ruleset, Generation, error) {
	for try := 1; ; try++ {
		before, err := c.Generation(ctx)
		if err != nil {
			return nil, 0, fmt.Errorf("read generation of the ruleset: %w", explainErrno(err))
		}
		r, err := c.readTable(ctx, table)
		if err == nil {
			var after Generation
			if after, err = c.Generation(ctx); err == nil && after == before {
				return r, after, nil
			}
		}
		// Anything may have gone missing under a dump if the ruleset changed meanwhile.
		if changed, _ := c.Generation(ctx); changed == before && !errors.Is(err, errInterrupted) {
			return nil, 0, fmt.Errorf("read table inet %s: %w", table, explainErrno(err))
		}
		if try == attempts {
			return nil, 0, fmt.Errorf("read table inet %s: %w (tried %d times; `nft monitor` shows who)", table, ErrMoving, attempts)
		}
	}
}

// Generation returns the generation of all rulesets of the namespace. Who
// read a table before knows by it whether the table may have changed, for the price of one
// small request.
func (c *Conn) Generation(ctx context.Context) (Generation, error) {
	var gen uint32
	err := c.request(ctx, unix.NFT_MSG_GETGEN, 0, nil, func(b []byte) error {
		gen = wire.DecodeGeneration(b)
		return nil
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		// nobody answers such requests (net/netfilter/nfnetlink.c, nfnetlink_rcv_msg)
		err = fmt.Errorf("%w (%w)", ErrNoNFTables, err)
	}
	return Generation(gen), err
}

func (c *Conn) readTable(ctx context.Context, table string) (*nft.Ruleset, error) {
	r := &nft.Ruleset{Table: table}
	named := wire.OfTable(table)
	err := c.request(ctx, unix.NFT_MSG_GETTABLE, 0, named, func(b []byte) error {
		head := wire.DecodeHead(b)
		r.Comment, r.Dormant = head.Comment, head.Dormant
		return nil
	})
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	anonymous, err := c.readSets(ctx, r, named, func(*nft.Set) bool { return true })
	if err != nil {
		return nil, err
	}
	if err := c.readChains(ctx, r, named); err != nil {
		return nil, err
	}
	if err := c.readRules(ctx, r, named, anonymous); err != nil {
		return nil, err
	}
	if err := c.readFlowtables(ctx, r, named); err != nil {
		return nil, err
	}
	return r, c.readObjects(ctx, r, named)
}

// Some reads the sets of a table that somebody wants, with their elements, as they stood at one moment
// each: that is much cheaper than reading the table, and may go on while others change it. A table that
// does not exist has none.
func (c *Conn) Some(ctx context.Context, table string, wants func(*nft.Set) bool) ([]*nft.Set, error) {
	for try := 1; ; try++ {
		r := &nft.Ruleset{Table: table}
		_, err := c.readSets(ctx, r, wire.OfTable(table), wants)
		if errors.Is(err, errInterrupted) && try < attempts {
			continue
		}
		if err != nil {
			err = fmt.Errorf("read table inet %s: %w", table, explainErrno(err))
		}
		return r.Sets, err
	}
}

// readSets reads sets with their elements and returns the contents of the anonymous ones.
func (c *Conn) readSets(ctx context.Context, r *nft.Ruleset, named []byte, wants func(*nft.Set) bool) (map[string]string, error) {
	anonymous := make(map[string]string)
	isAnon := make(map[*nft.Set]bool)
	var all []*nft.Set
	err := c.dump(ctx, unix.NFT_MSG_GETSET, named, func(b []byte) error {
		s, anon := wire.DecodeSet(b)
		if !wants(s) {
			return nil
		}
		isAnon[s] = anon
		all = append(all, s)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sets: %w", err)
	}
	names := make(map[string]string)
	for _, s := range all {
		if s.Dynamic {
			r.Sets = append(r.Sets, s) // what rules entered is no part of the ruleset
			continue
		}
		d := wire.Elements{Set: s, Names: names}
		if err := c.dumpElements(ctx, wire.OfSet(r.Table, s.Name), d.Begin, d.Take); err != nil {
			return nil, fmt.Errorf("elements of %s: %w", s.Name, err)
		}
		if isAnon[s] {
			anonymous[s.Name] = wire.AnonymousForm(s)
			continue
		}
		d.Finish()
		r.Sets = append(r.Sets, s)
	}
	return anonymous, nil
}

func (c *Conn) readChains(ctx context.Context, r *nft.Ruleset, named []byte) error {
	err := c.dump(ctx, unix.NFT_MSG_GETCHAIN, named, func(b []byte) error {
		if chain := wire.DecodeChain(b, r.Table); chain != nil {
			r.Chains = append(r.Chains, chain)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("chains: %w", err)
	}
	return nil
}

func (c *Conn) readRules(ctx context.Context, r *nft.Ruleset, named []byte, anonymous map[string]string) error {
	chains := make(map[string]*nft.Chain, len(r.Chains))
	for _, ch := range r.Chains {
		chains[ch.Name] = ch
	}
	err := c.dump(ctx, unix.NFT_MSG_GETRULE, named, func(b []byte) error {
		chain, rule := wire.DecodeRule(b, func(set string) string { return anonymous[set] })
		if ch := chains[chain]; ch != nil {
			ch.Rules = append(ch.Rules, rule)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	return nil
}

// readFlowtables reads the table's flowtable. Further ones, and what snatctl would not make
// so, are noted as others.
func (c *Conn) readFlowtables(ctx context.Context, r *nft.Ruleset, named []byte) error {
	err := c.dump(ctx, unix.NFT_MSG_GETFLOWTABLE, named, func(b []byte) error {
		if wire.TableOf(b) != r.Table {
			return nil
		}
		f, ours := wire.DecodeFlowtable(b)
		if ours && r.Flowtable == nil {
			r.Flowtable = f
		} else {
			r.Others = append(r.Others, "flowtable "+f.Name)
		}
		return nil
	})
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("flowtables: %w", err)
	}
	return nil
}

// readObjects reads the table's named objects. Those that snatctl would not make so are noted
// as others.
func (c *Conn) readObjects(ctx context.Context, r *nft.Ruleset, named []byte) error {
	err := c.dump(ctx, unix.NFT_MSG_GETOBJ, named, func(b []byte) error {
		if wire.TableOf(b) != r.Table {
			return nil
		}
		if o, name := wire.DecodeObject(b); o != nil {
			r.Objects = append(r.Objects, o)
		} else {
			r.Others = append(r.Others, "object "+name)
		}
		return nil
	})
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("objects: %w", err)
	}
	return nil
}
