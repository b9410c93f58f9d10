package integration

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// One stream through the gateway at full speed, with the flowtable and without, in turn: all
// that is sent arrives, and the gateway counts all of it. How fast it was is logged.
func TestOffloadThroughput(t *testing.T) {
	s := newFlowtableSite(t)
	// Packets as they come from a wire. Without this the hosts hand over 64 KB at a time, and
	// what the gateway does with each is lost in copying.
	output(t, s.Office, "ip", "link", "set", "eth0", "gso_max_segs", "1")
	s.start(t, offloaded("off", "192.168.1.1", "198.51.100.1"))
	received := sink(t, s.Outside, "8.8.8.8:4000")
	rates := map[string][]float64{}
	const rounds = 7
	for range rounds {
		for _, offload := range []string{"software", "off"} {
			apply(t, s.Gateway, offloaded(offload, "192.168.1.1", "198.51.100.1"))
			sent, took := send(t, s.Office, "8.8.8.8:4000", 2*time.Second)
			if got := <-received; got != sent {
				t.Errorf("with offload: %s %d bytes arrived of %d", offload, got, sent)
			}
			if f := flowOf(t, s.Gateway, "--zone", "office"); int64(f.BytesIn) < sent {
				t.Errorf("with offload: %s, of %d bytes sent flows says %+v", offload, sent, f)
			}
			must(t, s.Gateway.FlushFlows(t.Context()))
			rates[offload] = append(rates[offload], float64(sent)/took.Seconds()/1e6)
		}
	}
	median := func(rates []float64) float64 { return slices.Sorted(slices.Values(rates))[rounds/2] }
	ratios := make([]float64, rounds)
	for i := range ratios {
		ratios[i] = rates["software"][i] / rates["off"][i]
	}
	t.Logf("medians: %.2f MB/s with the flowtable, %.2f without, round by round %.2f times as much; all: %.2f and %.2f",
		median(rates["software"]), median(rates["off"]), median(ratios), rates["software"], rates["off"])
}

// sink takes connections one after the other and tells how many bytes came by each.
func sink(t testing.TB, h *nstest.Host, addr string) <-chan int64 {
	t.Helper()
	var l net.Listener
	must(t, h.Do(func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	}))
	t.Cleanup(func() { l.Close() })
	received := make(chan int64, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n, _ := io.Copy(io.Discard, c)
			c.Close()
			received <- n
		}
	}()
	return received
}

// send sends for a while, and returns how much and how long that took.
func send(t testing.TB, h *nstest.Host, addr string, d time.Duration) (int64, time.Duration) {
	t.Helper()
	c, err := h.Dial("tcp", "", addr)
	must(t, err)
	defer c.Close()
	block := make([]byte, 1<<16)
	var sent int64
	start := time.Now()
	for time.Since(start) < d {
		n, err := c.Write(block)
		must(t, err)
		sent += int64(n)
	}
	return sent, time.Since(start)
}
