package wire

import (
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// What a table says of itself comes back, in whatever way the plan makes it.
func TestHeads(t *testing.T) {
	want, err := Forms(&nft.Ruleset{Table: "t", Comment: "made by snatctl"})
	if err != nil {
		t.Fatal(err)
	}
	for whole, head := range map[nft.Whole]Head{
		nft.Create: {Comment: "made by snatctl"}, nft.Replace: {Comment: "made by snatctl"}, nft.Wake: {},
	} {
		b := newBatch("t", 1, 0, 0)
		b.wholeTable(nft.Plan{Want: want, Whole: whole})
		last := b.b[b.msgs[len(b.msgs)-1].at+unix.NLMSG_HDRLEN+nfnl.GenmsgLen:]
		if got := DecodeHead(last); got != head || TableOf(last) != "t" {
			t.Errorf("plan %d makes the table %s, %+v, want %+v", whole, TableOf(last), got, head)
		}
	}
	owned := nfnl.AppendU32(nfnl.AppendU32(nil, tableFlags, tableDormant|2), tableOwner, 77)
	if got, want := DecodeHead(owned), (Head{Owner: 77, Dormant: true}); got != want {
		t.Errorf("a table is read as %+v, want %+v", got, want)
	}
}

// decode(encode(x)) is x for flowtables, with and without devices.
func TestFlowtables(t *testing.T) {
	for _, f := range []*nft.Flowtable{{Name: "ft"}, {Name: "ft", Devices: []string{"lan0", "wan0"}}} {
		b := newBatch("t", 1, 0, 0)
		at := len(b.b)
		b.flowtable(&nft.Op{Mark: nft.Add, Flowtable: f})
		got, ours := DecodeFlowtable(b.b[at+unix.NLMSG_HDRLEN+nfnl.GenmsgLen:])
		if !ours || !reflect.DeepEqual(got, f) {
			t.Errorf("%+v is read as %+v, ours %t", f, got, ours)
		}
	}
}
