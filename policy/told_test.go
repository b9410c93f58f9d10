package policy_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/policy"
)

// What nodes are told beside the policy overrides their states where the facts bring it, and changes the policy
// as it was read nowhere.
func TestTold(t *testing.T) {
	p := &policy.Policy{Gateway: policy.DefaultGateway(), Nodes: []policy.Node{
		{Name: "gw1", State: policy.NodeActive}, {Name: "gw2", State: policy.NodeActive, RouterID: netip.MustParseAddr("172.16.0.2")}, {Name: "gw3", State: policy.NodeActive},
	}}
	p.Tell(map[string]policy.NodeState{"gw2": policy.NodeDrain, "gone": policy.NodeOut})
	here, ds := p.Resolve(policy.Facts{Node: "gw1", Nodes: p.Told()})
	if ds.Err() != nil || here.SecondChance() == nil || here.SecondChance().Name != "gw2" {
		t.Errorf("gw1 sends what it does not know to %v (%v)", here.SecondChance(), ds)
	}
	if p.Node("gw2").Drains() {
		t.Error("the policy itself has changed")
	}
	for node, want := range map[string]string{"gw2": "", "gw1": "neither address nor router_id", "gw9": "none of the policy's"} {
		err := p.CanDrain(node)
		var cannot *policy.CannotDrainError
		if want == "" && err != nil || want != "" && (!errors.As(err, &cannot) || !strings.Contains(err.Error(), want)) {
			t.Errorf("drain %s: %v", node, err)
		}
	}
	p.Tell(map[string]policy.NodeState{"gw1": policy.NodeDrain, "gw3": policy.NodeOut})
	if err := p.AsTold().CanDrain("gw2"); err == nil || !strings.Contains(err.Error(), "the last one") {
		t.Errorf("drain the last one: %v", err)
	}
}

// Packets that nobody knows go from node to node and end: those that return come before those that drain, and a
// node that is out gets none.
func TestSecondChanceEnds(t *testing.T) {
	p := &policy.Policy{Nodes: []policy.Node{
		{Name: "a", State: policy.NodeDrain}, {Name: "b"}, {Name: "c", State: policy.NodeReturn}, {Name: "d", State: policy.NodeOut}, {Name: "e", State: policy.NodeDrain},
	}}
	for node, want := range map[string]string{"b": "c a e", "c": "a e", "a": "e", "e": "", "d": "c a e"} {
		var way []string
		for at := node; len(way) < 10; {
			here, _ := p.At(at)
			next := here.SecondChance()
			if next == nil {
				break
			}
			at = next.Name
			way = append(way, at)
		}
		if got := strings.Join(way, " "); got != want {
			t.Errorf("from %s packets go to %q, want %q", node, got, want)
		}
	}
}
