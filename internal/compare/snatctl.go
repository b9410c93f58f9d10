package main

import (
	"bytes"
	"context"

	"github.com/snatctl/snatctl/internal/sample"
)

// ours is the name of the contender that the others are compared with.
const ours = "snatctl"

// snatctl is the program as it comes.
func snatctl(binary string) contender {
	return contender{
		name: ours, how: "`snatctl apply -f`, the whole process", needs: []string{binary},
		services: 10000, zones: 10000,
		load: func(ctx context.Context, s *site, j job) (cost, error) {
			return s.runFile(ctx, policyOf(j, nil), binary, "apply", "-f")
		},
		change: func(ctx context.Context, s *site, j job) (cost, error) {
			return s.runFile(ctx, policyOf(j, moved(j)), binary, "apply", "-f")
		},
		clear: flush,
	}
}

// snatctlWithoutAccounts leaves conntrack's accounting as the kernel has it, as all others do.
func snatctlWithoutAccounts(binary string) contender {
	c := snatctl(binary)
	c.name, c.how = "snatctl without accounting", "the same with `gateway.sysctls: false`: it does not switch on conntrack's accounting, timestamps and events"
	c.load = func(ctx context.Context, s *site, j job) (cost, error) {
		text := bytes.Replace(policyOf(j, nil), []byte("version: 1\n"), []byte("version: 1\ngateway: {sysctls: false}\n"), 1)
		return s.runFile(ctx, text, binary, "apply", "-f")
	}
	c.change = nil // nothing that the sysctls have a part in
	return c
}

// policyOf is the job in snatctl's language. First: real servers of the first service, if they
// are not its own.
func policyOf(j job, first []string) []byte {
	if j.services == 0 {
		return sample.Zones(j.zones)
	}
	f := j.fleet()
	f.First = first
	return f.Policy()
}

// moved are the first service's real servers after the change.
func moved(j job) []string { return append([]string{newServer}, j.fleet().ServersOf(0)[1:]...) }
