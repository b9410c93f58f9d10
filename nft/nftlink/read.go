package nftlink

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Generation names a state of all rulesets of a network namespace: every committed
// transaction, anyone's, makes a new one. The zero value is no generation.
type Generation uint32

// attempts bounds how often something is tried again because another writer came between.
const attempts = 3

// Read reads a table of family inet, and the generation at which it stood so. A table that
// does not exist gives nil.
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
			return nil, 0, fmt.Errorf("read table inet %s: another program keeps changing the ruleset of this network namespace (tried %d times; `nft monitor` shows who)", table, attempts)
		}
	}
}

// Generation returns the generation at which all rulesets of the namespace stand now. Who
// read a table before knows by it whether the table may have changed, for the price of one
// small request.
func (c *Conn) Generation(ctx context.Context) (Generation, error) {
	var gen uint32
	err := c.request(ctx, unix.NFT_MSG_GETGEN, 0, nil, func(b []byte) error {
		for a := (nfnl.Attrs{Rest: b}); a.Next(); {
			if a.Type == unix.NFTA_GEN_ID {
				gen = a.U32()
			}
		}
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
	named := nfnl.AppendString(nil, unix.NFTA_TABLE_NAME, table) // attribute 1 in every request
	err := c.request(ctx, unix.NFT_MSG_GETTABLE, 0, named, func(b []byte) error {
		for a := (nfnl.Attrs{Rest: b}); a.Next(); {
			switch a.Type {
			case unix.NFTA_TABLE_FLAGS:
				r.Dormant = a.U32()&1 != 0 // NFT_TABLE_F_DORMANT
			case tableUserdata:
				r.Comment = comment(a.Val)
			}
		}
		return nil
	})
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	anonymous, err := c.readSets(ctx, r, named)
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

// readSets reads all sets with their elements and returns the contents of the anonymous ones.
func (c *Conn) readSets(ctx context.Context, r *nft.Ruleset, named []byte) (map[string]string, error) {
	anonymous := make(map[string]string)
	isAnon := make(map[*nft.Set]bool)
	var all []*nft.Set
	err := c.dump(ctx, unix.NFT_MSG_GETSET, named, func(b []byte) error {
		s, anon := declaration(b)
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
		d := elementDecoder{set: s, names: names}
		request := nfnl.AppendString(append([]byte(nil), named...), unix.NFTA_SET_ELEM_LIST_SET, s.Name)
		if err := c.dumpElements(ctx, request, d.begin, d.message); err != nil {
			return nil, fmt.Errorf("elements of %s: %w", s.Name, err)
		}
		if isAnon[s] {
			anonymous[s.Name] = anonymousForm(s)
			continue
		}
		d.finish()
		r.Sets = append(r.Sets, s)
	}
	return anonymous, nil
}

// anonymousForm lists an anonymous set as Forms does: protocol numbers in order.
func anonymousForm(s *nft.Set) string {
	var has [256]bool
	for _, e := range s.Elements {
		if len(e.Key) == 0 || e.Data != "" || e.Verdict != (nft.Verdict{}) || len(e.Key) > 1 && strings.Trim(e.Key[1:], "\x00") != "" {
			return fmt.Sprintf("{%+v}", s.Elements) // not ours: differs from all that are
		}
		has[e.Key[0]] = true
	}
	var out []string
	for p, ok := range has {
		if ok {
			out = append(out, fmt.Sprint(p))
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}

func (c *Conn) readChains(ctx context.Context, r *nft.Ruleset, named []byte) error {
	err := c.dump(ctx, unix.NFT_MSG_GETCHAIN, named, func(b []byte) error {
		chain := &nft.Chain{}
		var hook nft.Hook
		policy := uint32(nfAccept)
		for a := (nfnl.Attrs{Rest: b}); a.Next(); {
			switch a.Type {
			case unix.NFTA_CHAIN_TABLE:
				if a.Str() != r.Table {
					return nil // older kernels return the chains of all tables
				}
			case unix.NFTA_CHAIN_NAME:
				chain.Name = a.Str()
			case unix.NFTA_CHAIN_HOOK:
				hook.Point, hook.Priority = hookOf(a.Val)
				chain.Hook = &hook
			case unix.NFTA_CHAIN_TYPE:
				hook.Type = a.Str()
			case unix.NFTA_CHAIN_POLICY:
				policy = a.U32()
			case chainFlags:
				if a.U32()&chainBinding != 0 {
					return nil // part of the rule that goes there, whose form differs from all of ours
				}
			}
		}
		if policy != nfAccept {
			hook.Type += " with another policy than accept" // differs from all that snatctl makes
		}
		r.Chains = append(r.Chains, chain)
		return nil
	})
	if err != nil {
		return fmt.Errorf("chains: %w", err)
	}
	return nil
}

func hookOf(b []byte) (point string, priority int32) {
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case unix.NFTA_HOOK_HOOKNUM:
			for name, n := range hookNumbers {
				if n == a.U32() {
					point = name
				}
			}
		case unix.NFTA_HOOK_PRIORITY:
			priority = int32(a.U32())
		}
	}
	return point, priority
}

func (c *Conn) readRules(ctx context.Context, r *nft.Ruleset, named []byte, anonymous map[string]string) error {
	chains := make(map[string]*nft.Chain, len(r.Chains))
	for _, ch := range r.Chains {
		chains[ch.Name] = ch
	}
	err := c.dump(ctx, unix.NFT_MSG_GETRULE, named, func(b []byte) error {
		var chain string
		var rule nft.Rule
		for a := (nfnl.Attrs{Rest: b}); a.Next(); {
			switch a.Type {
			case unix.NFTA_RULE_CHAIN:
				chain = a.Str()
			case unix.NFTA_RULE_HANDLE:
				rule.Handle = a.U64()
			case unix.NFTA_RULE_EXPRESSIONS:
				rule.Form = form(a.Val, func(name string) string { return anonymous[name] })
			case unix.NFTA_RULE_USERDATA:
				rule.Comment = comment(a.Val)
			}
		}
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

// readObjects notes the table's named objects, which snatctl never makes.
func (c *Conn) readObjects(ctx context.Context, r *nft.Ruleset, named []byte) error {
	err := c.dump(ctx, unix.NFT_MSG_GETOBJ, named, func(b []byte) error {
		if table := (&nfnl.Attrs{Val: nfnl.Find(b, unix.NFTA_OBJ_TABLE)}).Str(); table == r.Table {
			r.Others = append(r.Others, "object "+(&nfnl.Attrs{Val: nfnl.Find(b, unix.NFTA_OBJ_NAME)}).Str())
		}
		return nil
	})
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("objects: %w", err)
	}
	return nil
}
