package nftlink_test

import "testing"

// Of what rules enter, clients of persistent services are read, and what limits count is not: neither by
// Entered nor by Read, to which a table is the same however many connections there are.
func TestEntered(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	want := mustCompile(t, `version: 1
services:
  - {name: web, vip: 203.0.113.10, ports: tcp/80, persistence: 60s, real_servers: [192.168.1.1, 192.168.1.2], limits: {connections_per_client: 5, new_per_client: 9/second}}
`)
	g.apply(want)
	g.nft(`add element inet snatctl sticky4 { 10.0.0.1 . 203.0.113.10 . tcp . 80 timeout 60s : 192.168.1.1 . 80 }
add element inet snatctl clients4 { 1:1 . 10.0.0.1 ct count over 5 }
add element inet snatctl held-clients4 { 1:1 . 10.0.0.1 timeout 60s }`)
	entered, err := g.conn.Entered(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if len(entered) != 1 || entered[0].Name != "sticky4" || len(entered[0].Elements) != 1 {
		t.Errorf("entered are %v", entered)
	}
	g.holds(want)
}
