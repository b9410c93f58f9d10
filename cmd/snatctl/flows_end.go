package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// mayEnd holds the flags of --end against each other.
func (o *flowsOptions) mayEnd() error {
	switch {
	case !o.end && o.yes:
		return errors.New("--yes works only with --end")
	case !o.end:
		return nil
	case o.count:
		return errors.New("--count lists, --end ends: leave out one of them")
	case o.flags == selectionFlags{}:
		return errors.New("--end would end every connection of this host: select some, for example with --zone jail, --service web or --past")
	case !o.yes && !isTerminal(os.Stdin):
		return errors.New("--end asks first, and there is no terminal: add --yes")
	}
	return nil
}

// endFlows ends the selected flows, after asking.
func endFlows(ctx context.Context, r *gateway.Reader, p *gateway.Picture, o flowsOptions) error {
	keys, err := r.Select(ctx, p, o.selection.Match)
	if err != nil {
		return exit{exitRefused, err}
	}
	if len(keys) > 0 && !o.yes {
		fmt.Fprintf(stderr, "end %s? [y/N] ", plain.Count(len(keys), "flow"))
		answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return exit{exitRefused, errors.New("nothing was ended")}
		}
	}
	ended, err := r.End(ctx, keys)
	if err != nil {
		err = exit{exitRefused, fmt.Errorf("ended %s of %d: %w", plain.Count(ended, "flow"), len(keys), err)}
	}
	if o.format == "json" {
		return errors.Join(err, view.JSON(os.Stdout, map[string]int{"flows_ended": ended}))
	}
	if err == nil {
		fmt.Fprintf(stdout, "ended %s\n", plain.Count(ended, "flow"))
	}
	return err
}
