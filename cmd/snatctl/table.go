package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// standing opens the way to a table, and reads it. If there is none, the error says so.
func standing(ctx context.Context, table string) (*gateway.Reader, *gateway.Picture, error) {
	r, err := gateway.OpenReader(table)
	if err != nil {
		return nil, nil, err
	}
	p, err := r.Read(ctx)
	if err == nil {
		err = p.Missing()
	}
	if err != nil {
		r.Close()
		return nil, nil, err
	}
	noteWaiting(ctx, table)
	return r, p, nil
}

// noteWaiting says of a node of a pair that waits that its kernel does not know the flows of the pair.
func noteWaiting(ctx context.Context, table string) {
	gate, err := gateway.OpenGate(table)
	if err != nil {
		return
	}
	defer gate.Close()
	if s, err := gate.State(ctx); err == nil && s.Closed {
		fmt.Fprintln(stderr, "note: this gateway of a pair waits, and its kernel does not know the other one's flows: what it lists is left from when it was primary (`snatctl ha status`; ask the primary)")
	}
}

// tableFlags adds --table and -f/--file, which name the table to look at.
func tableFlags(c *cobra.Command, table *string, files *[]string) {
	c.Flags().StringVar(table, "table", policy.DefaultGateway().Table, "`name` of the table")
	fileFlag(c, files)
	c.Flags().Lookup("file").Usage = "take the table's name from the policy in this `FILE` (or directory, or - for standard input); may be repeated"
}

// tableName returns the table that the flags name: that of a policy, if one is given.
func tableName(table string, files []string) (string, error) {
	if len(files) == 0 {
		return table, nil
	}
	p, err := readPolicy(files)
	if err != nil {
		return "", exit{exitRefused, err}
	}
	return p.Gateway.Table, nil
}
