package policy

import (
	"github.com/snatctl/snatctl/inet"
)

// Check applies the rules that look at a whole pool, zone or service, or at several. What it
// finds goes to the report; of what partial names it judges nothing that needs all of it.
// Every rule takes about linear time in the size of the policy.
func (p *Policy) Check(r *Report, partial Partial) {
	c := &checker{Policy: p, Report: r, partial: partial, families: map[*Pool]familySet{}}
	c.checkPools()
	c.checkUplinks()
	c.checkZones()
	c.checkServices()
	c.checkTimeouts()
	c.checkFleet()
}

// Partial marks the pools, zones and services, by their index, of which something is not
// known because it could not be read. The zero value says that the policy is complete.
type Partial struct{ Pools, Zones, Services []bool }

func (p *Partial) pool(i int) bool    { return i < len(p.Pools) && p.Pools[i] }
func (p *Partial) zone(i int) bool    { return i < len(p.Zones) && p.Zones[i] }
func (p *Partial) service(i int) bool { return i < len(p.Services) && p.Services[i] }

// checker is one run of the checks.
type checker struct {
	*Policy
	*Report
	partial  Partial
	families map[*Pool]familySet
}

// familySet tells which families occur.
type familySet struct{ v4, v6 bool }

func (s *familySet) add(f inet.Family) {
	s.v4 = s.v4 || f == inet.V4
	s.v6 = s.v6 || f == inet.V6
}

// addMeant adds a family, or both for 0.
func (s *familySet) addMeant(f inet.Family) {
	for _, each := range inet.Families {
		if f == 0 || f == each {
			s.add(each)
		}
	}
}

func (s familySet) has(f inet.Family) bool { return f == inet.V4 && s.v4 || f == inet.V6 && s.v6 }

// rangeFamilies returns the families that occur in ranges.
func rangeFamilies(rs []inet.Range) (s familySet) {
	for _, r := range rs {
		s.add(r.Family())
	}
	return s
}

// poolFamilies returns the families that a pool has laddrs of for new connections. Pools
// may be large and shared by many, so the answer is kept.
func (c *checker) poolFamilies(p *Pool) familySet {
	if s, ok := c.families[p]; ok {
		return s
	}
	var s familySet
	for _, f := range inet.Families {
		if len(p.Ranges(f)) > 0 {
			s.add(f)
		}
	}
	c.families[p] = s
	return s
}
