package agent

import (
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/health"
)

// set is what time.Now would return at a moment, had somebody set the machine's clock forward or back by d
// before. The monotonic part stays (time.Time: seconds since 1885 are bits 30 to 62 of the first word).
func set(t *testing.T, at time.Time, d time.Duration) time.Time {
	t.Helper()
	out := at
	*(*uint64)(unsafe.Pointer(&out)) += uint64(d/time.Second) << 30
	if out.Sub(at) != 0 || out.Round(0).Sub(at.Round(0)) != d {
		t.Skipf("package time has another form of times: %v set by %v is %v", at, d, out)
	}
	return out
}

// The end of an override is a matter of the monotonic clock as long as the agent runs, of the machine's
// clock from one agent to the next, and whoever sets that back prolongs nothing.
func TestClockSet(t *testing.T) {
	t.Parallel()
	id := health.ID{Service: "web", Server: netip.MustParseAddrPort("192.168.1.1:0")}
	start := time.Now()
	for _, c := range []struct {
		name   string
		before time.Duration // by which the clock is set while the agent runs
		after  time.Duration // while none does; it is away for 5 minutes
		left   time.Duration
	}{
		{"left alone", 0, 0, 15 * time.Minute},
		{"forward under the agent", 3 * time.Hour, 0, 15 * time.Minute},
		{"back under the agent", -3 * time.Hour, 0, 15 * time.Minute},
		{"forward under no agent", 0, 10 * time.Minute, 5 * time.Minute},
		{"back under no agent", 0, -3 * time.Hour, 20 * time.Minute},
		{"to and fro", 3 * time.Hour, -3 * time.Hour, 20 * time.Minute},
	} {
		a := &Agent{o: Options{StateDir: t.TempDir()}, table: "edge"}
		if _, err := a.remember(start); err != nil {
			t.Fatal(err)
		}
		a.keeper.path = memoryFile(a.o.StateDir, a.table)
		a.enter(id, Order{Kind: balance.Drain, For: 30 * time.Minute}, start)
		a.known[id] = known{Down: true, Since: start.Add(-time.Minute)}
		for after, in := range map[time.Duration]bool{29 * time.Minute: true, 30 * time.Minute: false} {
			if o := a.overrides[id].In(set(t, start.Add(after), c.before)); (o.Kind != "") != in {
				t.Errorf("%s: after %v it is %+v", c.name, after, o)
			}
		}
		killed := set(t, start.Add(10*time.Minute), c.before)
		if moves := wasSet(start, killed); moves != (c.before != 0) {
			t.Errorf("%s: that the clock was set is %t", c.name, moves)
		}
		if err := a.keeper.write(a.memoryAt(killed)); err != nil {
			t.Fatal(err)
		}
		begins := set(t, start.Add(15*time.Minute), c.before+c.after)
		b := &Agent{o: a.o, table: a.table}
		if _, err := b.remember(begins); err != nil {
			t.Fatal(err)
		}
		if left := b.overrides[id].Until.Sub(begins); left != c.left {
			t.Errorf("%s: %v are left, want %v", c.name, left, c.left)
		}
		if ago := begins.Sub(b.known[id].Since); ago != 11*time.Minute+(20*time.Minute-c.left) {
			t.Errorf("%s: it is down since %v ago", c.name, ago)
		}
	}
}
