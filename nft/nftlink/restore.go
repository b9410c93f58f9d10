package nftlink

import (
	"context"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// Restore brings a table back to what a snapshot holds, in one transaction and whatever became
// of it since: the table is deleted and made anew. Counters and entries that time out are those
// of the snapshot. A flowtable with an interface that is gone comes back without interfaces: it
// makes flows faster, and nothing else depends on it. After an error nothing has changed.
func (c *Conn) Restore(ctx context.Context, s *Snapshot) error {
	restore := func(s *Snapshot) error {
		t := s.encode(c.seq + 1)
		t.acknowledge()
		return c.commit(ctx, t)
	}
	err := restore(s)
	if lostInterface(err) {
		return restore(s.withoutInterfaces())
	}
	return err
}

// Check asks the kernel whether Restore could carry out a snapshot now, and changes nothing: a
// transaction without its end is looked at and dropped (net/netfilter/nfnetlink.c,
// nfnetlink_rcv_batch).
func (c *Conn) Check(ctx context.Context, s *Snapshot) error {
	check := func(s *Snapshot) error {
		t := s.encode(c.seq + 1)
		t.ask()
		return c.exchange(ctx, t, t.seq)
	}
	err := check(s)
	if lostInterface(err) {
		return check(s.withoutInterfaces())
	}
	return err
}

func (s *Snapshot) encode(firstSeq uint32) *batch {
	t := &batch{seq: firstSeq - 1, first: firstSeq, table: s.table}
	t.begin(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.NFNL_SUBSYS_NFTABLES, origin{})
	t.end()
	table := "table inet " + s.table
	t.message(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, nil, table) // so that there is one to delete
	t.message(unix.NFT_MSG_DELTABLE, 0, nil, table)
	if s.head != nil {
		t.message(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, s.head, table)
		s.contents(t)
	}
	return t
}

// contents makes all that the table holds, in an order that the kernel takes: what refers
// comes after what it refers to, except that named sets get their elements last (see
// differ.ordered in package nft).
func (s *Snapshot) contents(t *batch) {
	for _, o := range s.objects {
		t.message(unix.NFT_MSG_NEWOBJ, unix.NLM_F_CREATE, o, "object "+nameOf(o, unix.NFTA_OBJ_NAME))
	}
	for _, f := range s.flowtables {
		t.message(unix.NFT_MSG_NEWFLOWTABLE, unix.NLM_F_CREATE, f, savedFlowtable+nameOf(f, flowtableName))
	}
	for _, set := range s.sets {
		t.setID++
		attributes := nfnl.AppendU32(slices.Clip(set.attrs), unix.NFTA_SET_ID, t.setID)
		t.message(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, attributes, "map or set "+set.name)
	}
	for _, c := range s.chains {
		t.message(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, c, "chain "+nameOf(c, unix.NFTA_CHAIN_NAME))
	}
	for _, set := range s.sets {
		if set.flags&unix.NFT_SET_ANONYMOUS != 0 {
			t.savedElements(set)
		}
	}
	for _, r := range s.rules {
		t.message(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, r, "a rule of chain "+nameOf(r, unix.NFTA_RULE_CHAIN))
	}
	for _, set := range s.sets {
		if set.flags&unix.NFT_SET_ANONYMOUS == 0 {
			t.savedElements(set)
		}
	}
}

// nameOf returns the name that attributes hold.
func nameOf(list []byte, typ uint16) string {
	name := nfnl.Attrs{Val: nfnl.Find(list, typ)}
	return name.Str()
}

// message appends one message about the table; what is for the error, should there be one.
func (t *batch) message(typ, flags uint16, attributes []byte, what string) {
	t.start(typ, flags, origin{what: what})
	t.b = append(t.b, attributes...)
	t.end()
}

// savedElements adds a set's elements, in messages below 64 KiB.
func (t *batch) savedElements(s *savedSet) {
	for i := 0; i < len(s.elements); {
		t.start(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, origin{what: "elements of " + s.name})
		t.b = nfnl.AppendString(t.b, unix.NFTA_SET_ELEM_LIST_SET, s.name)
		var list int
		t.b, list = nfnl.OpenNest(t.b, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
		for ; i < len(s.elements) && len(t.b)-list < chunk; i++ {
			var at int
			t.b, at = nfnl.OpenNest(t.b, unix.NFTA_LIST_ELEM)
			t.b = append(t.b, s.elements[i]...)
			nfnl.CloseNest(t.b, at)
		}
		nfnl.CloseNest(t.b, list)
		t.end()
	}
}
