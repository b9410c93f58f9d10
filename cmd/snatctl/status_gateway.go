package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
)

// deadGateway finds why a gateway forwards nothing although its table stands: the kernel does
// not forward a family that the table is about, or another table drops all new connections.
// Of a chain whose rules may let some pass it says nothing: `lint --live` does.
func deadGateway(ctx context.Context, l *live) ([]ct.Problem, error) {
	var out []ct.Problem
	add := func(format string, args ...any) {
		out = append(out, ct.Problem{Severity: ct.Critical, Object: "gateway", Text: fmt.Sprintf(format, args...)})
	}
	for _, f := range inet.Families {
		if key := strings.ReplaceAll(forwardingKeys[f], "/", "."); l.uses[f] && !on(forwardingKeys[f]) {
			add("forwards no %s: %s is not 1; sysctl -w %s=1", f, key, key)
		}
	}
	chains, err := l.nft.BaseChains(ctx)
	if err != nil {
		return nil, err
	}
	of := map[string]bool{"ip": l.uses[inet.V4], "ip6": l.uses[inet.V6], "inet": true}
	for _, c := range chains {
		if of[c.Family] && !(c.Family == "inet" && c.Table == l.table) && c.Fate.Drops && c.Fate.Passes == 0 {
			add("chain %q of table %s %q drops every new connection that is forwarded; accept the policy's traffic there", c.Name, c.Family, c.Table)
		}
	}
	return out, nil
}
