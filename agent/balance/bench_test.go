package balance

import (
	"fmt"
	"testing"
	"time"

	"github.com/snatctl/snatctl/policy"
)

// BenchmarkBalance is one decision: of a service without anything special, and of one whose flows
// count.
func BenchmarkBalance(b *testing.B) {
	for _, scheduler := range []policy.Scheduler{policy.RoundRobin, policy.LeastConn} {
		for _, n := range []int{4, 100} {
			b.Run(fmt.Sprintf("%s/%d", scheduler, n), func(b *testing.B) {
				s := Service{Scheduler: scheduler}
				for i := range n {
					s.Servers = append(s.Servers, server(i, 1))
				}
				b.ReportAllocs()
				now, m := epoch, Memory{}
				for i := 0; b.Loop(); i++ {
					v := &s.Servers[i%n]
					v.Opened, v.Flows = v.Opened+100, 100+i%7
					now = now.Add(250 * time.Millisecond)
					_, m = Balance(now, s, m)
				}
			})
		}
	}
}
