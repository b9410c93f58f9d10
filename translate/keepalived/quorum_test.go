package keepalived

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// old is how keepalived decides between real servers and the sorry server (ipwrapper.c,
// update_quorum_state).
type old struct {
	weights      []int
	quorum, hyst int
	up           bool
}

func (o *old) sorry(alive []bool) bool {
	sum := 0
	for i, w := range o.weights {
		if alive[i] {
			sum += w
		}
	}
	threshold := o.quorum + o.hyst
	if o.up {
		threshold = o.quorum - o.hyst
	}
	o.up = !(o.up && (sum == 0 || sum < threshold)) && (o.up || sum >= threshold)
	return !o.up
}

// TestQuorum lets real servers of equal weight die and come back: the agent calls the sorry server
// when keepalived does, and lets it go when keepalived does.
func TestQuorum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 13))
	switches := 0
	for range 400 {
		n, weight := 1+r.IntN(6), 1+r.IntN(3)
		quorum := 1 + r.IntN(n*weight)
		hyst := r.IntN(quorum)
		if quorum+hyst > n*weight { // keepalived never comes back then
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "virtual_server 203.0.113.1 80 {\nlb_algo wrr\nlb_kind NAT\nprotocol TCP\nquorum %d\nhysteresis %d\nsorry_server 192.168.1.99 80\n", quorum, hyst)
		o := &old{quorum: quorum, hyst: hyst, up: true}
		for i := range n {
			fmt.Fprintf(&b, "real_server 192.168.1.%d 80 { weight %d\nTCP_CHECK { } }\n", i+1, weight)
			o.weights = append(o.weights, weight)
		}
		b.WriteString("}\n")
		out, err := Translate(policy.Source{Name: "k", Data: []byte(b.String())}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: out.Policy}})
		if ds.Err() != nil || len(p.Services) != 1 {
			t.Fatalf("%v\n%s", ds, out.Policy)
		}
		svc := balance.Of(&p.Services[0])
		alive := make([]bool, n)
		for i := range alive {
			alive[i] = true
		}
		var was balance.Memory
		before := false
		for step := range 40 {
			i := r.IntN(n)
			alive[i] = !alive[i]
			svc.Servers[i].Health = balance.Down
			if alive[i] {
				svc.Servers[i].Health = balance.Up
			}
			var is balance.Result
			is, was = balance.Balance(time.Unix(int64(step), 0), svc, was)
			want := o.sorry(alive)
			if is.Sorry != want || is.Closed {
				t.Fatalf("%d servers of weight %d, quorum %d, hysteresis %d, step %d, alive %v: sorry %v, closed %v, keepalived %v\n%s",
					n, weight, quorum, hyst, step, alive, is.Sorry, is.Closed, want, out.Policy)
			}
			if want != before {
				switches++
				before = want
			}
		}
	}
	if switches < 1000 {
		t.Errorf("the sorry server was switched %d times only", switches)
	}
}
