package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/policy"
)

// Down is a real server of a service that went down.
type Down struct {
	Service string
	Server  netip.AddrPort // policy.RealServer.Key
}

// EndFlows ends the flows of real servers that went down, after they were evicted, as their
// services' on_down says: auto ends UDP flows and connections that were never established; end
// ends all; keep none. It lists the flows once, however many servers went, and returns for each
// how many flows it ended. An IncompleteError comes with the result; flows in other conntrack zones
// are left alone.
//
// It may run beside other uses of the Force and of its Gateway, but for their being replaced.
func (f *Force) EndFlows(ctx context.Context, downs []Down) ([]int, error) {
	at := f.toEnd(downs)
	if len(at) == 0 {
		return make([]int, len(downs)), nil
	}
	table, err := ctlink.Open()
	if err != nil {
		return make([]int, len(downs)), incomplete("flows of real servers that are down may be left: %w", err)
	}
	defer table.Close()
	f.g.settle()
	f.g.tell(Cleaning)
	defer f.g.took(Cleaning, time.Now())
	ended, err := f.endFlows(ctx, table, downs, at)
	if err != nil {
		err = incomplete("flows of real servers that are down may be left: %w", err)
	}
	return ended, err
}

// toEnd returns which of some real servers may have flows to end, by address.
func (f *Force) toEnd(downs []Down) map[netip.Addr][]int {
	at := make(map[netip.Addr][]int)
	for i, d := range downs {
		if s := f.written[d.Service]; s != nil && s.OnDown != policy.DownKeep {
			at[d.Server.Addr()] = append(at[d.Server.Addr()], i)
		}
	}
	return at
}

func (f *Force) endFlows(ctx context.Context, table flowTable, downs []Down, at map[netip.Addr][]int) ([]int, error) {
	ended, keys := make([]int, len(downs)), make([][]ctlink.Key, len(downs))
	var failed error
	for flow, err := range table.Flows(ctx) {
		if err != nil {
			failed = fmt.Errorf("list the flows: %w", err)
			break
		}
		for _, i := range at[flow.Reply.Src.Addr()] {
			if f.endsWith(flow, downs[i]) {
				keys[i] = append(keys[i], ctlink.KeyOf(flow))
				break
			}
		}
	}
	for i := range downs {
		n, err := table.Delete(ctx, keys[i])
		ended[i] = n
		var some *ctlink.DeleteError
		if failed = errors.Join(failed, err); err != nil && !errors.As(err, &some) {
			break
		}
	}
	return ended, failed
}

// endsWith tells whether a flow ends because a real server went down.
func (f *Force) endsWith(flow *ct.Flow, d Down) bool {
	switch port := d.Server.Port(); {
	case flow.Zoned(), !flow.TranslatedDst():
		return false
	case port == 0 && flow.Reply.Src.Port() != flow.Orig.Dst.Port(), port != 0 && flow.Reply.Src.Port() != port:
		return false
	}
	s := f.called().Service(flow.Orig.Proto, flow.Orig.Dst)
	if s == nil || s.Name != d.Service {
		return false
	}
	return s.OnDown.Ends(flow.Orig.Proto, answered(flow))
}

// answered tells whether a connection was established, however it stands now. One that a program
// offloaded was; one that conntrack met when it had begun already counts, too.
func answered(f *ct.Flow) bool {
	switch f.TCPState {
	case ct.SynSent, ct.SynRecv, ct.SynSent2:
		return false
	}
	return f.Status&ct.SeenReply != 0
}
