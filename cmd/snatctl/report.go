package main

import (
	"fmt"
	"io"

	"github.com/snatctl/snatctl/nft"
)

func report(w io.Writer, format string, live, want *nft.Ruleset, plan nft.Plan, done bool) error {
	plan.Format(w)
	fmt.Fprintln(w, plan.Empty())
	return nil
}
