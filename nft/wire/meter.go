package wire

import (
	"time"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft"
)

// meter enters a key into a dynamic set that is no map: with a timeout it is renewed, with an
// expression that keeps state the packet is held against it.
func (l *lowering) meter(set string, key []nft.Field, timeout *time.Duration, state expr.Any) {
	l.loadKey(key, false)
	d := &expr.Dynset{SrcRegKey: dataReg, SetName: set, Operation: uint32(unix.NFT_DYNSET_OP_ADD)}
	if timeout != nil {
		d.Operation, d.Timeout = uint32(unix.NFT_DYNSET_OP_UPDATE), *timeout
	}
	if state != nil {
		d.Exprs = []expr.Any{state}
	}
	l.add(d)
}

func (l *lowering) rateOver(s nft.RateOver) {
	l.meter(s.Set, s.Key, &s.Timeout, &expr.Limit{Type: expr.LimitTypePkts, Rate: s.Rate, Unit: expr.LimitTime(s.Unit), Burst: s.Burst, Over: true})
}

// loadKey loads a key that is looked up in a set without data: what a hash in it is made of comes
// right behind it.
func (l *lowering) loadKey(key []nft.Field, big bool) {
	l.guards(key)
	behind := 0
	for _, f := range key {
		behind += words(f)
	}
	word := 0
	for _, f := range key {
		word = l.loadOne(f, word, behind, big && len(key) > 1)
	}
}
