package traffic

import (
	"net/netip"

	"github.com/snatctl/snatctl/ct"
)

// counters are what the table has counted, as sums that never go down while a sampler runs. An object has
// several elements there, and an apply or a repair may make some of them anew. Prometheus takes any
// smaller value for a beginning at 0, and would add what the others have counted once more.
type counters map[counterKey]counter

// counterKey is what is counted: an object, a real server of it, or what a limit of it refuses.
type counterKey struct {
	Object
	at    netip.AddrPort
	limit string
}

// counter is what the elements said at a reading, and what those had counted that are gone by then.
type counter struct{ now, gone uint64 }

// count enters what elements say now, and returns the sum. What was counted since the reading before by
// elements that are gone is missing.
func (c counters) count(next counters, key counterKey, now uint64) uint64 {
	was := c[key]
	if now < was.now {
		was.gone += was.now - now
	}
	if was.now = now; was != (counter{}) {
		next[key] = was
	}
	return was.gone + now
}

// counterOf is the key of a service's real server. Its port counts only where others have the same address:
// a report says the port that clients call where the policy has none, and another one if that changes.
func counterOf(r *ct.ServiceReport, n int) counterKey {
	all, port := r.Servers, uint16(0) // by address
	if n > 0 && all[n-1].Address == all[n].Address || n+1 < len(all) && all[n+1].Address == all[n].Address {
		port = all[n].Port
	}
	return counterKey{Object: Object{"service", r.Name}, at: netip.AddrPortFrom(all[n].Address, port)}
}

// refused enters what an object's limits have refused, and returns the sums in their order.
func (c counters) refused(next counters, o Object, limits []ct.Limit) []uint64 {
	if len(limits) == 0 {
		return nil
	}
	out := make([]uint64, len(limits))
	for i, l := range limits {
		out[i] = c.count(next, counterKey{Object: o, limit: l.Key}, l.Refused)
	}
	return out
}
