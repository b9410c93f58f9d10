package integration

import (
	"fmt"
	"testing"
)

// Every selection spreads 5,000 flows evenly over its pool, contiguous or not, as conntrack
// has them.
func TestSelectionsAreEven(t *testing.T) {
	s := startSite(t, "")
	const flows = 5000
	_, err := s.Outside.SinkUDP("8.8.8.8:4000")
	must(t, err)
	near := []string{"198.51.100.17", "198.51.100.18", "198.51.100.19", "198.51.100.20"}
	apart := []string{"198.51.100.1", "198.51.100.3", "198.51.100.9"}
	for _, c := range []struct {
		selection, pool string
		laddrs          []string
	}{
		{"source", "near", near}, {"source", "apart", apart},
		{"source-destination", "near", near}, {"source-destination", "apart", apart},
		{"flow", "near", near}, {"flow", "apart", apart},
		{"round-robin", "near", near}, {"round-robin", "apart", apart},
		{"random", "near", near}, {"random", "apart", apart},
	} {
		s.start(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  near: 198.51.100.17-198.51.100.20
  apart: [198.51.100.1, 198.51.100.3, 198.51.100.9]
zones:
  - {name: everyone, from: 0.0.0.0/0, laddrs: `+c.pool+`, select: `+c.selection+`}
`)
		for i := range flows {
			conn, err := s.Office.Dial("udp", fmt.Sprintf("10.1.%d.%d:%d", 200+i/250, 1+i%250, 20000+i), "8.8.8.8:4000")
			must(t, err)
			_, err = conn.Write([]byte("x"))
			must(t, err)
			must(t, conn.Close())
		}
		all, err := s.Gateway.Flows(t.Context())
		must(t, err)
		seen := map[string]int{}
		for _, f := range all {
			if f.Orig.Dst.Port() == 4000 {
				seen[f.Reply.Dst.Addr().String()]++
			}
		}
		t.Run(c.selection+" "+c.pool, func(t *testing.T) {
			wantEven(t, seen, c.laddrs, flows)
			for _, laddr := range c.laddrs {
				if each := flows / len(c.laddrs); c.selection == "round-robin" && (seen[laddr] < each || seen[laddr] > each+1) {
					t.Errorf("%s has %d of %d turns", laddr, seen[laddr], flows)
				}
			}
		})
	}
}
