package compiler

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Arrangement is what the table of one object depends on beside the object itself. Where two
// policies are arranged alike, a service that is the same in both is the same in both tables.
//
// It follows from the policy as it is written: a State, which changes weights from one moment to
// the next, has no say in it. So one service changes alone.
type Arrangement struct {
	Lanes       map[string]Lane // of services with a round-robin counter of their own, by name
	Parted      bool            // slots are spread over several maps
	CountsSlots bool            // every slot counts its new connections
	StickySeed  uint32          // of the hashes in place of IPv6 VIPs of persistent services

	policy       *policy.Policy       // without a State
	claims       map[endpoint][]claim // where ports of services overlap
	merged       map[poolKey][]inet.Range
	limitNumbers map[policy.Object]uint32 // of objects with limits
	meets        bool                     // checks of one service go to a VIP of another
}

// Arrange decides for a valid policy what depends on all of its objects. That of p.With(state) is
// equal to that of p.
func Arrange(p *policy.Policy) *Arrangement {
	p = p.Written()
	a := &Arrangement{policy: p, Lanes: assignLanes(p.Services), claims: claimsOf(p.Services), merged: mergePools(p), meets: checksMeetVIPs(p.Services), StickySeed: stickySeed(p.Services), limitNumbers: numberLimits(p)}
	a.Parted, a.CountsSlots = a.needsParts(), a.fewEnoughToCount()
	return a
}

// String prints the arrangement, a fact a line.
func (a *Arrangement) String() string {
	var b strings.Builder
	for _, name := range slices.SortedFunc(maps.Keys(a.Lanes), layout.CompareNatural) {
		fmt.Fprintf(&b, "lane %d: %s\n", a.Lanes[name].Number, name)
	}
	fmt.Fprintf(&b, "parted: %v\ncounts slots: %v\nsticky seed: %#x\n", a.Parted, a.CountsSlots, a.StickySeed)
	return b.String()
}

// Service returns what one service of the policy puts into the table.
func (a *Arrangement) Service(s *policy.Service) (Fragment, policy.Diagnostics) {
	b := newBuilder(a)
	b.service(s)
	return b.fragment(), b.diags
}

// Serving returns the part of Service that depends on its real servers, which a State can change.
func (a *Arrangement) Serving(s *policy.Service) (Fragment, policy.Diagnostics) {
	b := newBuilder(a)
	b.serve(s)
	return b.fragment(), b.diags
}

// Zones returns what all zones put into the table. There is no fragment of one zone: in first
// match order each leaves its sources to the next.
func (a *Arrangement) Zones() (Fragment, policy.Diagnostics) {
	b := newBuilder(a)
	b.besides(a.policy)
	return b.fragment(), b.diags
}

// Sum returns the table that fragments make together, in the order of the policy, zones last:
// that of Compile, if they are all of a policy's.
func (a *Arrangement) Sum(fragments ...Fragment) (*nft.Ruleset, policy.Diagnostics) {
	b := newBuilder(a)
	for _, f := range fragments {
		b.add(f)
	}
	return b.finish()
}
