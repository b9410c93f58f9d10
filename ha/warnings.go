package ha

import (
	"fmt"

	"github.com/snatctl/snatctl/policy"
)

// Warnings says what of a policy does not survive a takeover, although keepalived and conntrackd do what they can.
func Warnings(p *policy.Policy) (all []string) {
	for i := range p.Zones {
		if z := &p.Zones[i]; z.Action == policy.Masquerade {
			all = append(all, fmt.Sprintf("zone %s masquerades, mostly behind an address that this node keeps to itself: connections of the zone do not survive a takeover (give it laddrs)", z.Name))
		}
	}
	for i := range p.Services {
		if s := &p.Services[i]; len(s.Interfaces) > 0 {
			all = append(all, fmt.Sprintf("the VIPs of service %s are addresses of an interface: the backup has others, so name them", s.Name))
		}
	}
	return all
}
