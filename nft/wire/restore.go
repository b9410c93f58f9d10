package wire

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// EncodeRestore returns the transaction that deletes the table, if there is one, and makes it
// anew as the snapshot holds it.
func (s *Snapshot) EncodeRestore(firstSeq uint32) *Batch {
	t := s.encode(firstSeq)
	t.acknowledge()
	return t
}

// EncodeCheck is EncodeRestore without an end: the kernel looks at it and drops it.
func (s *Snapshot) EncodeCheck(firstSeq uint32) *Batch {
	t := s.encode(firstSeq)
	t.ask()
	return t
}

func (s *Snapshot) encode(firstSeq uint32) *Batch {
	t := newBatch(s.table, firstSeq, 0, 0)
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
func (s *Snapshot) contents(t *Batch) {
	for _, o := range s.objects {
		t.message(unix.NFT_MSG_NEWOBJ, unix.NLM_F_CREATE, o, "object "+nameOf(o, objName))
	}
	for _, f := range s.flowtables {
		t.message(unix.NFT_MSG_NEWFLOWTABLE, unix.NLM_F_CREATE, f, savedFlowtable+nameOf(f, flowtableName))
	}
	for _, set := range s.sets {
		t.setID++
		attributes := nfnl.AppendU32(slices.Clip(set.attrs), setID, t.setID)
		t.message(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, attributes, "map or set "+set.name)
	}
	for _, c := range s.chains {
		t.message(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, c, "chain "+nameOf(c, chainName))
	}
	for _, set := range s.sets {
		if set.flags&unix.NFT_SET_ANONYMOUS != 0 {
			t.savedElements(set)
		}
	}
	for _, r := range s.rules {
		t.message(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, r, "a rule of chain "+nameOf(r, ruleChain))
	}
	for _, set := range s.sets {
		if set.flags&unix.NFT_SET_ANONYMOUS == 0 {
			t.savedElements(set)
		}
	}
}

// savedElements adds a set's elements, in messages below 64 KiB.
func (t *Batch) savedElements(s *SavedSet) {
	for i := 0; i < len(s.elements); {
		t.start(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, origin{what: "elements of " + s.name})
		t.b = nfnl.AppendString(t.b, listSet, s.name)
		var list int
		t.b, list = nfnl.OpenNest(t.b, listElements)
		for ; i < len(s.elements) && len(t.b)-list < chunk; i++ {
			var at int
			t.b, at = nfnl.OpenNest(t.b, listElem)
			t.b = append(t.b, s.elements[i]...)
			nfnl.CloseNest(t.b, at)
		}
		nfnl.CloseNest(t.b, list)
		t.end()
	}
}
