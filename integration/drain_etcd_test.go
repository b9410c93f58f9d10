package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/cluster"
	"github.com/snatctl/snatctl/internal/nstest"
)

// `snatctl node drain` drains a node of a fleet that follows etcd: the others learn it first, nothing is lost, and
// it ends when the node has no flows any more. `undrain` takes it back. What cannot be drained is refused.
func TestDrainNodeByEtcd(t *testing.T) {
	f := newDrainFleet(t)
	nstest.Needs(t, "etcd")
	_, err := cluster.Serve(f.Inside, f.Dir, "10.1.0.2")
	must(t, err)
	where := []string{"--etcd", "http://10.1.0.2:2379", "--key", "/snatctl/drain"}
	at := func(words ...string) nstest.Result { return ctl(t, f.Inside, slices.Concat(words, where)...) }
	policy := policyFile(t, fmt.Sprintf(drainPolicy, "active"))
	until(t, "etcd to take the policy", func() bool { return at("publish", "-f", policy).Code == 0 })
	for i, gw := range f.Gateways {
		a := newAgent(t, gw, "", slices.Concat([]string{"--node", f.Node(i)}, where)...)
		a.file = ""
		a.start(t)
		f.announce(i, true)
	}
	f.via(0, 1, 2)
	calls := f.calls(80, 0)
	had := perNode(calls)

	const none = "is none of the policy's: it has gw1, gw2, gw3"
	if r := at("node", "drain", "gw9"); r.Code != 1 || !strings.Contains(r.Stderr, none) || !strings.Contains(r.Stderr, "nothing was changed") {
		t.Errorf("drain gw9 exits %d\n%s", r.Code, r.Stderr)
	}
	if r := at("node", "undrain", "gw3"); r.Code != 1 || !strings.Contains(r.Stderr, "it is not drained") {
		t.Errorf("undrain of a node that is not drained exits %d\n%s", r.Code, r.Stderr)
	}
	if r := at("node", "drain", "gw3", "--for", "1s"); r.Code != 2 {
		t.Errorf("a time too short exits %d\n%s", r.Code, r.Stderr)
	}

	draining := start(t, f.Inside, nil, program(t), slices.Concat([]string{"node", "drain", "gw3", "--for", "5m"}, where)...)
	until(t, "the flows to be told", func() bool { return strings.Contains(draining.said(), "flows left") })
	for i := range 2 {
		if to := output(t, f.Gateways[i], "ip", "route", "show", "table", "20099"); !strings.Contains(to, "default via 172.16.0.3") {
			t.Errorf("%s sends what it does not know by\n%s", f.Node(i), to)
		}
	}
	f.announce(2, false)
	f.via(0, 1)
	if got := lost(calls); got != [3]int{} {
		t.Errorf("of %v connections %v were lost", had, got)
	}
	for _, c := range calls {
		c.Close()
	}
	must(t, draining.cmd.Wait())
	t.Logf("%s\n%s", draining.said(), strings.Join(draining.lines(t), "\n"))
	if out := strings.Join(draining.lines(t), "\n"); !strings.Contains(out, "node gw3 has no flows of services any more: it is drained") {
		t.Errorf("it says\n%s\n%s", out, draining.said())
	}
	until(t, "the others to send it nothing any more", func() bool {
		r := run(t, f.Gateways[0], "ip", "route", "show", "table", "20099")
		return !strings.Contains(r.Stdout, "default via")
	})
	if r := at("nodes"); !strings.Contains(r.Stdout, "out") {
		t.Errorf("nodes does not tell that gw3 is out:\n%s", r.Stdout)
	}
	if r := at("node", "undrain", "gw3", "--for", "5s"); r.Code != 0 {
		t.Fatalf("undrain exits %d\n%s", r.Code, r.Stderr)
	}
	f.announce(2, true)
	f.via(0, 1, 2)
	until(t, "new connections to the node that is back", func() bool { return perNode(f.calls(20, 0))[2] > 0 })
	until(t, "the second chance to end by itself", func() bool {
		r := at("nodes")
		return !strings.Contains(r.Stdout, "return") && !strings.Contains(r.Stdout, "out")
	})
}
