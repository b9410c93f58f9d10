package nftlink_test

import (
	"encoding/binary"
	"testing"

	"github.com/snatctl/snatctl/nft"
)

// A table that has just grown is read whole: the kernel resizes its hashes after the
// transaction, while the listing is under way.
func TestReadWhileResizing(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	const elements = 1000
	for round := range 60 {
		want := &nft.Ruleset{Table: "snatctl", Sets: []*nft.Set{{Name: "vips4", Key: []nft.Type{nft.IPv4}}}}
		for i := range uint32(elements) {
			want.Sets[0].Elements = append(want.Sets[0].Elements, nft.Element{Key: string(binary.BigEndian.AppendUint32(nil, 0x0a000000+i))})
		}
		g.apply(want)
		live, _ := g.read("snatctl")
		if plan := diff(live, want); !plan.Empty() {
			t.Fatalf("round %d: what is read differs from what was applied, %d elements of %d", round, len(live.Set("vips4").Elements), elements)
		}
		want.Sets[0].Elements = want.Sets[0].Elements[:10]
		g.apply(want)
	}
}
