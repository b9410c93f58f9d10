package law

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// packetsEach is how many packets are sent through one policy.
const packetsEach = 30

// TestLaw tries the policies of some seeds. LAW_SEEDS=7 or LAW_SEEDS=from-to chooses others,
// LAW_TIME=1h goes on for so long, from the first of those seeds or else from a random one.
func TestLaw(t *testing.T) {
	from, to := uint64(0), uint64(3000)
	if testing.Short() {
		to = 300
	}
	var deadline time.Time
	if v := os.Getenv("LAW_TIME"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			t.Fatal(err)
		}
		deadline = time.Now().Add(d)
		from, to = rand.Uint64()>>20, 1<<63
	}
	if v := os.Getenv("LAW_SEEDS"); v != "" {
		var err error
		if from, to, err = ParseSeeds(v); err != nil {
			t.Fatal(err)
		}
		if !deadline.IsZero() {
			to = 1 << 63
		}
	}
	r := run{t: t, next: from, to: to, deadline: deadline}
	start := time.Now()
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(r.work)
	}
	if !deadline.IsZero() {
		stop := make(chan struct{})
		defer close(stop)
		go r.tick(stop, start)
	}
	wg.Wait()
	t.Logf("seeds %d to %d: %d policies (%d objects were refused and taken out), %d packets, %d counter-examples in %s",
		from, r.next-1, r.policies.Load(), r.refused.Load(), r.packets.Load(), r.failures.Load(), time.Since(start).Round(time.Millisecond))
	if r.policies.Load() == 0 {
		t.Error("nothing was tried")
	}
}

// run goes through seeds until they, or the time, are used up.
type run struct {
	t        *testing.T
	mu       sync.Mutex
	next, to uint64
	deadline time.Time

	policies, packets, refused, failures atomic.Int64
}

func (r *run) seed() (uint64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next >= r.to || !r.deadline.IsZero() && time.Now().After(r.deadline) || r.failures.Load() >= 10 {
		return 0, false
	}
	r.next++
	return r.next - 1, true
}

func (r *run) work() {
	for {
		seed, more := r.seed()
		if !more {
			return
		}
		yaml, refused := Policy(rand.New(rand.NewPCG(seed, 0)))
		r.refused.Add(int64(refused))
		r.policies.Add(1)
		r.packets.Add(packetsEach)
		if err := try(yaml, seed); err != nil {
			r.failures.Add(1)
			r.t.Errorf("LAW_SEEDS=%d: %v", seed, err)
		}
	}
}

// tick says now and then how far a long run has come.
func (r *run) tick(stop chan struct{}, start time.Time) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Minute):
			r.t.Logf("%s: %d policies, %d packets, %d counter-examples", time.Since(start).Round(time.Second), r.policies.Load(), r.packets.Load(), r.failures.Load())
		}
	}
}

// try sends packets through a policy. A counter-example comes back made small.
func try(yaml []byte, seed uint64) error {
	l, err := New(yaml)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, Shrink(yaml, func(yaml []byte) bool {
			_, err := New(yaml)
			return err != nil && !errors.Is(err, ErrRefused)
		}))
	}
	for _, pkt := range Packets(rand.New(rand.NewPCG(seed, 1)), l.Policy, packetsEach) {
		if err := l.Check(pkt); err != nil {
			return counterExample(yaml, pkt, err)
		}
	}
	return nil
}

// counterExample makes a policy small and tells what the three say about it.
func counterExample(yaml []byte, pkt Packet, err error) error {
	small := Shrink(yaml, func(yaml []byte) bool {
		l, err := New(yaml)
		return err == nil && l.Check(pkt) != nil
	})
	l, e := New(small)
	if e != nil {
		return fmt.Errorf("%s: %w\n%s", pkt, err, yaml)
	}
	d := l.Policy.Decide(pkt.Packet)
	outcomes, e := l.Machine.Run(pkt, nil)
	return fmt.Errorf("%w\n%s# packet: %s\n# %v\n# policy: %s, service %q, zone %q, to %v, from %v (%s)\n# ruleset: %s %v",
		err, small, pkt, l.Check(pkt), d.Verdict, d.Service, d.Zone, d.DNAT, d.Source(), d.Reason, Summary(outcomes), e)
}

// TestLawLarge tries policies of many services.
func TestLawLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	for seed := range uint64(3) {
		l, err := New(Large(rand.New(rand.NewPCG(seed, 0)), 2000))
		if err != nil {
			t.Fatal(err)
		}
		l.Crowded = true
		for _, pkt := range Packets(rand.New(rand.NewPCG(seed, 1)), l.Policy, 1000) {
			if err := l.Check(pkt); err != nil {
				t.Fatalf("seed %d: %s: %v", seed, pkt, err)
			}
		}
	}
}

// FuzzLaw draws policy and packets from the fuzzer's numbers.
func FuzzLaw(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		yaml, _ := Policy(rand.New(rand.NewPCG(seed, 0)))
		if err := try(yaml, seed); err != nil {
			t.Fatalf("LAW_SEEDS=%d: %v", seed, err)
		}
	})
}

// TestCounterExamples runs what once broke the law. Each policy names packets in comments
// that begin with "packet:".
func TestCounterExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			yaml, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			l, err := New(yaml)
			if errors.Is(err, ErrRefused) && strings.Contains(string(yaml), "# refused") {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			packets := Packets(rand.New(rand.NewPCG(1, 1)), l.Policy, 1000)
			for line := range strings.Lines(string(yaml)) {
				if text, ok := strings.CutPrefix(strings.TrimSpace(line), "# packet: "); ok {
					pkt, err := ParsePacket(text)
					if err != nil {
						t.Fatal(err)
					}
					packets = append(packets, pkt)
				}
			}
			for _, pkt := range packets {
				if err := l.Check(pkt); err != nil {
					t.Errorf("%s: %v", pkt, err)
				}
			}
		})
	}
}
