package nftlink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// Snapshot is a table of family inet exactly as it stood, whoever made it: what the kernel
// returned of it, less the numbers that the kernel gives by itself. Unlike a nft.Ruleset it
// can be put back whatever it holds. A table that did not exist has a snapshot too: putting
// that back removes the table.
type Snapshot struct {
	table      string
	head       []byte // attributes of the table; nil: there was none
	objects    [][]byte
	flowtables [][]byte
	sets       []*savedSet
	chains     [][]byte
	rules      [][]byte // those of chains that belong to a rule first
}

// savedSet is a set or map with its elements, each as attributes.
type savedSet struct {
	attrs    []byte
	name     string
	flags    uint32
	elements [][]byte
}

// Attributes that a snapshot keeps (include/uapi/linux/netfilter/nf_tables.h): what the kernel
// returns and takes again. Not kept are handles, use counts, positions and padding.
const (
	chainUserdata = 12 // NFTA_CHAIN_USERDATA
	objUserdata   = 8  // NFTA_OBJ_USERDATA
	setElemExprs  = 11 // NFTA_SET_ELEM_EXPRESSIONS
)

// Snapshot reads a table to put it back some time, and the generation at which it stood so.
// It fails with ErrStale if the ruleset changed meanwhile.
func (c *Conn) Snapshot(ctx context.Context, table string) (*Snapshot, Generation, error) {
	before, err := c.Generation(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read generation of the ruleset: %w", explainErrno(err))
	}
	s := &Snapshot{table: table}
	err = s.read(ctx, c)
	after, genErr := c.Generation(ctx)
	switch {
	case genErr != nil:
		return nil, 0, fmt.Errorf("read generation of the ruleset: %w", explainErrno(genErr))
	case after != before:
		return nil, 0, ErrStale
	case err != nil:
		return nil, 0, fmt.Errorf("read table inet %s to keep it: %w", table, explainErrno(err))
	}
	return s, after, nil
}

func (s *Snapshot) read(ctx context.Context, c *Conn) error {
	named := nfnl.AppendString(nil, unix.NFTA_TABLE_NAME, s.table)
	err := c.request(ctx, unix.NFT_MSG_GETTABLE, 0, named, func(b []byte) error {
		s.head = append([]byte{}, pick(b, unix.NFTA_TABLE_FLAGS, tableUserdata)...)
		return nil
	})
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	collect := func(into *[][]byte, request uint16, types ...uint16) error {
		err := c.dump(ctx, request, named, func(b []byte) error {
			if s.owns(b) {
				*into = append(*into, pick(b, types...))
			}
			return nil
		})
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOENT) {
			return nil // kernels without flowtables
		}
		return err
	}
	return errors.Join(
		collect(&s.objects, unix.NFT_MSG_GETOBJ, unix.NFTA_OBJ_NAME, unix.NFTA_OBJ_TYPE, unix.NFTA_OBJ_DATA, objUserdata),
		collect(&s.flowtables, unix.NFT_MSG_GETFLOWTABLE, flowtableName, flowtableHook, flowtableFlags),
		collect(&s.chains, unix.NFT_MSG_GETCHAIN, unix.NFTA_CHAIN_NAME, unix.NFTA_CHAIN_HOOK, unix.NFTA_CHAIN_POLICY, unix.NFTA_CHAIN_TYPE,
			unix.NFTA_CHAIN_COUNTERS, chainFlags, chainUserdata),
		s.readRules(collect),
		s.readSets(ctx, c, named),
	)
}

// owns tells whether a message is about the table: older kernels return those of all tables.
func (s *Snapshot) owns(b []byte) bool { return nameOf(b, unix.NFTA_TABLE_NAME) == s.table }

// readRules reads the rules and puts those first that the kernel wants first: a chain that
// belongs to a rule takes no rules any more once that rule is there. One that lies in another
// is made after it, and so has the higher number.
func (s *Snapshot) readRules(collect func(*[][]byte, uint16, ...uint16) error) error {
	err := collect(&s.rules, unix.NFT_MSG_GETRULE, unix.NFTA_RULE_CHAIN, unix.NFTA_RULE_EXPRESSIONS, unix.NFTA_RULE_COMPAT, unix.NFTA_RULE_USERDATA)
	for i := range s.rules {
		s.rules[i] = mend(s.rules[i])
	}
	binding := make(map[string]int)
	for i, b := range s.chains {
		flags := nfnl.Attrs{Val: nfnl.Find(b, chainFlags)}
		if flags.U32()&chainBinding != 0 {
			binding[string(nfnl.Find(b, unix.NFTA_CHAIN_NAME))] = i + 1
		}
	}
	if len(binding) > 0 {
		slices.SortStableFunc(s.rules, func(a, b []byte) int {
			return binding[string(nfnl.Find(b, unix.NFTA_RULE_CHAIN))] - binding[string(nfnl.Find(a, unix.NFTA_RULE_CHAIN))]
		})
	}
	return err
}

func (s *Snapshot) readSets(ctx context.Context, c *Conn, named []byte) error {
	err := c.dump(ctx, unix.NFT_MSG_GETSET, named, func(b []byte) error {
		if !s.owns(b) {
			return nil
		}
		flags := nfnl.Attrs{Val: nfnl.Find(b, unix.NFTA_SET_FLAGS)}
		s.sets = append(s.sets, &savedSet{name: nameOf(b, unix.NFTA_SET_NAME), flags: flags.U32(), attrs: pick(b, unix.NFTA_SET_NAME, unix.NFTA_SET_FLAGS,
			unix.NFTA_SET_KEY_TYPE, unix.NFTA_SET_KEY_LEN, unix.NFTA_SET_DATA_TYPE, unix.NFTA_SET_DATA_LEN, unix.NFTA_SET_POLICY,
			unix.NFTA_SET_DESC, unix.NFTA_SET_TIMEOUT, unix.NFTA_SET_GC_INTERVAL, unix.NFTA_SET_USERDATA, unix.NFTA_SET_OBJ_TYPE,
			setExpr, setExpressions)})
		return nil
	})
	if err != nil {
		return fmt.Errorf("sets: %w", err)
	}
	for _, set := range s.sets {
		request := nfnl.AppendString(slices.Clone(named), unix.NFTA_SET_ELEM_LIST_SET, set.name)
		if err := c.dumpElements(ctx, request, func() { set.elements = nil }, set.take); err != nil {
			return fmt.Errorf("elements of %s: %w", set.name, err)
		}
		set.sort()
	}
	return nil
}

// take keeps the elements of one message.
func (s *savedSet) take(b []byte) error {
	list := nfnl.Attrs{Rest: nfnl.Find(b, unix.NFTA_SET_ELEM_LIST_ELEMENTS)}
	for list.Next() {
		s.elements = append(s.elements, pick(list.Val, unix.NFTA_SET_ELEM_KEY, setElemKeyEnd, unix.NFTA_SET_ELEM_DATA, unix.NFTA_SET_ELEM_FLAGS,
			unix.NFTA_SET_ELEM_TIMEOUT, unix.NFTA_SET_ELEM_EXPIRATION, unix.NFTA_SET_ELEM_USERDATA, unix.NFTA_SET_ELEM_EXPR,
			unix.NFTA_SET_ELEM_OBJREF, setElemExprs))
	}
	return list.Err
}

// sort orders the marks of ranges as the kernel takes them (net/netfilter/nft_set_rbtree.c):
// upwards, and where one range ends and the next begins, the end first.
func (s *savedSet) sort() {
	if s.flags&unix.NFT_SET_INTERVAL == 0 || s.flags&setConcat != 0 {
		return
	}
	place := func(e []byte) string {
		flags := nfnl.Attrs{Val: nfnl.Find(e, unix.NFTA_SET_ELEM_FLAGS)}
		key := string(nfnl.Find(nfnl.Find(e, unix.NFTA_SET_ELEM_KEY), unix.NFTA_DATA_VALUE))
		if flags.U32()&unix.NFT_SET_ELEM_INTERVAL_END != 0 {
			return key + "\x00"
		}
		return key + "\x01"
	}
	slices.SortStableFunc(s.elements, func(a, b []byte) int { return strings.Compare(place(a), place(b)) })
}

// pick copies those attributes of a list that have one of the types, as they are.
func pick(list []byte, types ...uint16) []byte {
	var out []byte
	for a := (nfnl.Attrs{Rest: list}); ; {
		rest := a.Rest
		if !a.Next() {
			return out
		}
		if slices.Contains(types, a.Type) {
			out = append(out, rest[:unix.NLA_HDRLEN+len(a.Val)]...)
			out = append(out, make([]byte, nfnl.Align(len(out))-len(out))...)
		}
	}
}
