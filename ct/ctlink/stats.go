package ctlink

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// Stats is what conntrack counts as a whole. All but Entries and Max count since the
// namespace was made, summed over the processors; the kernel counts each in 32 bits.
type Stats struct {
	Entries       uint32 // flows now, those included whose time is over and that are not swept yet
	Max           uint32 // nf_conntrack_max: more are refused; 0 is no limit
	Found         uint64 // ports (or ids) that a translation would have taken, and that were in use
	Invalid       uint64 // packets that no flow could be made of
	Insert        uint64 // flows put into the table by netlink or for an expectation
	InsertFailed  uint64 // flows that could not be entered: a race, or no free port
	Drop          uint64 // packets dropped since no flow could be made for them
	EarlyDrop     uint64 // flows ended before their time, for room
	Error         uint64 // packets dropped as bad ones
	SearchRestart uint64 // lookups begun anew, as the table was resized under them
	ClashResolve  uint64 // races between packets of one flow that ended well
	ChainTooLong  uint64 // flows refused since their hash chain was too long
}

// Stats returns the counters of this network namespace.
func (c *Conn) Stats(ctx context.Context) (Stats, error) {
	s, err := c.entries(ctx)
	if err != nil {
		return s, fmt.Errorf("read conntrack's counters: %w", err)
	}
	var malformed error
	err = c.request(ctx, ctGetStatsCPU, unix.NLM_F_DUMP, func(b []byte) bool {
		malformed = s.add(b)
		return malformed == nil
	})
	if err == nil {
		err = malformed
	}
	if err != nil {
		return s, fmt.Errorf("read conntrack's counters: %w", err)
	}
	return s, nil
}

// add adds the counters of one processor (ctnetlink_ct_stat_cpu_fill_info).
func (s *Stats) add(b []byte) error {
	a := nfnl.Attrs{Rest: b}
	for a.Next() {
		if to := s.counter(a.Type); to != nil {
			*to += uint64(a.U32())
		}
	}
	return a.Err
}

func (s *Stats) counter(typ uint16) *uint64 {
	switch typ {
	case ctaStatsFound:
		return &s.Found
	case ctaStatsInvalid:
		return &s.Invalid
	case ctaStatsInsert:
		return &s.Insert
	case ctaStatsInsertFailed:
		return &s.InsertFailed
	case ctaStatsDrop:
		return &s.Drop
	case ctaStatsEarlyDrop:
		return &s.EarlyDrop
	case ctaStatsError:
		return &s.Error
	case ctaStatsSearchRestart:
		return &s.SearchRestart
	case ctaStatsClashResolve:
		return &s.ClashResolve
	case ctaStatsChainTooLong:
		return &s.ChainTooLong
	}
	return nil
}

// entries asks for the number of flows (ctnetlink_stat_ct_fill_info).
func (c *Conn) entries(ctx context.Context) (s Stats, err error) {
	var malformed error
	err = c.request(ctx, ctGetStats, 0, func(b []byte) bool {
		a := nfnl.Attrs{Rest: b}
		for a.Next() {
			switch a.Type {
			case ctaStatsEntries:
				s.Entries = a.U32()
			case ctaStatsMaxEntries:
				s.Max = a.U32()
			}
		}
		malformed = a.Err
		return false
	})
	if err == nil {
		err = malformed
	}
	return s, err
}
