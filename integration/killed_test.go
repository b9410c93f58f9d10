package integration

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/soak"
)

// alike is a listing without the order of its lines: what is made again stands last.
func alike(listing string) string {
	lines := strings.Split(listing, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// An apply that is killed at any point has applied everything or nothing, never a part, the history
// knows which, and the next apply works on what it left.
func TestKilledApply(t *testing.T) {
	t.Parallel()
	kills := soak.Count(200, 2000)
	h := nstest.NewHost(t, "gateway")
	state := t.TempDir()
	// Nearly all of the run time is the kernel's share and its preparation: 2 services have
	// 396 slots, most of which change.
	policy := func(base string, weights [2]int) string {
		var b strings.Builder
		for i := range 2 {
			fmt.Fprintf(&b, "  - {name: s%d, vip: 203.1.0.%d, ports: tcp/80, mode: nat, scheduler: wrr, real_servers: [{address: 192.168.1.1, weight: %d}, {address: 192.168.1.2, weight: %d}]}\n", i, i, weights[0], weights[1])
		}
		return base + b.String()
	}
	policies := []string{policy(small, [2]int{97, 101}), policy(changed, [2]int{101, 97})}
	var files, listings [2]string
	command := func(to int) []string { return []string{program(t), "apply", "-f", files[to], "--state-dir", state} }
	finish := func(to int) {
		if r := run(t, h, command(to)[0], command(to)[1:]...); r.Code != 0 {
			t.Fatalf("the next apply exits %d: %s", r.Code, r.Stderr)
		}
	}
	whole := time.Minute
	for range 3 { // the fastest tells how long a change takes
		for i, p := range policies {
			files[i] = policyFile(t, p)
			start := time.Now()
			finish(i)
			whole = min(whole, time.Since(start))
			listings[i] = alike(list(t, h))
		}
	}
	if listings[0] == listings[1] {
		t.Fatal("both policies list alike")
	}
	at, before, after, late := 1, 0, 0, 0
	for i := range kills {
		cmd := exec.Command(command(1 - at)[0], command(1 - at)[1:]...)
		must(t, h.Do(cmd.Start))
		early := rand.Float64() * rand.Float64() // the commit stands in the first half
		time.Sleep(time.Duration(early * 5 / 4 * float64(whole)))
		cmd.Process.Kill()
		if cmd.Wait() == nil {
			late++
		}
		switch alike(list(t, h)) {
		case listings[at]:
			before++
		case listings[1-at]:
			at, after = 1-at, after+1
		default:
			t.Fatalf("kill %d leaves a table that is neither:\n%s", i, list(t, h))
		}
		if soak.Long() || i%5 == 0 {
			if r := ctl(t, h, "rollback", "0", "--dry-run", "--state-dir", state); r.Code != 0 {
				t.Fatalf("kill %d leaves a table that is not the history's newest: %d %s%s", i, r.Code, r.Stdout, r.Stderr)
			}
		}
		if i%10 == 9 {
			finish(1 - at)
			at = 1 - at
			if alike(list(t, h)) != listings[at] {
				t.Fatalf("the apply after kill %d leaves\n%s", i, list(t, h))
			}
		}
	}
	t.Logf("%d kills within %v: the old table %d times, the new one %d times, %d of these had ended before", kills, whole*5/4, before, after, late)
	if before == 0 || after == late {
		t.Error("no kill came before the commit, or none between the commit and the end")
	}
}
