package integration

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// A stream at full speed through each of two gateways, one with a flowtable and one without:
// all that is sent arrives, and is counted. How fast that was is logged. The two take turns,
// some hundred kilobytes each, so that what else the machine does slows both.
func TestOffloadThroughput(t *testing.T) {
	const turns, amount = 61, 512 << 10
	policies := []string{offloaded("software", "192.168.1.1", "198.51.100.1"), offloaded("off", "192.168.1.1", "198.51.100.1")}
	sites, streams := make([]*site, 2), make([]*burst, 2)
	for i, policy := range policies {
		sites[i] = newFlowtableSite(t)
		sites[i].start(t, policy)
		streams[i] = openBurst(t, sites[i])
		streams[i].send(t, amount) // at full speed from here on
	}
	took, ratios := make([][]float64, 2), make([]float64, turns)
	for n := range turns {
		for i := range streams {
			took[i] = append(took[i], streams[i].send(t, amount).Seconds())
		}
		ratios[n] = took[1][n] / took[0][n]
	}
	for i, s := range sites {
		if f := flowOf(t, s.Gateway, "--zone", "office"); f.BytesIn < (turns+1)*amount {
			t.Errorf("of %d bytes flows says %+v\npolicy:%s", (turns+1)*amount, f, policies[i])
		}
	}
	median := func(all []float64) float64 { return slices.Sorted(slices.Values(all))[turns/2] }
	quarter := func(all []float64, n int) float64 { return slices.Sorted(slices.Values(all))[n*turns/4] }
	t.Logf("%.2f MB/s with the flowtable, %.2f without (medians of %d turns); turn by turn %.2f times as fast (half of them between %.2f and %.2f)",
		amount/1e6/median(took[0]), amount/1e6/median(took[1]), turns, median(ratios), quarter(ratios, 1), quarter(ratios, 3))
}

// burst is a connection from Office to Outside by which amounts are sent.
type burst struct {
	conn     net.Conn
	received chan int // bytes that have come, as they come
}

func openBurst(t testing.TB, s *site) *burst {
	t.Helper()
	// Packets as they come from a wire. Without this the hosts hand over 64 KB at a time, and
	// what the gateway does with each is lost in copying.
	output(t, s.Office, "ip", "link", "set", "eth0", "gso_max_segs", "1")
	must(t, s.Office.Sysctl("net/ipv4/tcp_slow_start_after_idle", "0"))
	var l net.Listener
	must(t, s.Outside.Do(func() (err error) {
		l, err = net.Listen("tcp", "8.8.8.8:4000")
		return err
	}))
	defer l.Close()
	c, err := s.Office.DialWithin(4*nstest.Patience, "tcp", "", "8.8.8.8:4000")
	must(t, err)
	t.Cleanup(func() { c.Close() })
	far, err := l.Accept()
	must(t, err)
	b := &burst{c, make(chan int, 1024)}
	go func() {
		defer far.Close()
		defer close(b.received)
		block := make([]byte, 1<<16)
		for {
			n, err := far.Read(block)
			b.received <- n
			if err != nil {
				return
			}
		}
	}()
	return b
}

// send sends an amount and returns how long it took to arrive.
func (b *burst) send(t testing.TB, amount int) time.Duration {
	t.Helper()
	start := time.Now()
	go b.conn.Write(make([]byte, amount))
	for got := 0; got < amount; {
		n, open := <-b.received
		if got += n; !open {
			t.Fatalf("the connection ends after %d bytes of %d", got, amount)
		}
	}
	return time.Since(start)
}
