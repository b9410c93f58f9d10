package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/sample"
)

// iptables by a kind of restore: one rule per service that leads to its chain, in which
// `statistic` chooses; or one SNAT rule per zone. The rules are walked from the first.
func iptables(kind string) contender {
	restore := "iptables-" + kind + "-restore"
	load := func(ctx context.Context, s *site, j job) (cost, error) {
		if j.services > 0 {
			return s.runFile(ctx, dnatRules(j), restore)
		}
		return s.runFile(ctx, snatRules(j), restore)
	}
	return contender{
		name:  "iptables-" + kind,
		how:   "`" + restore + "`: a rule per service and a chain with `statistic`, or a rule with `SNAT` per zone; a change is `-R` with `--noflush`",
		needs: []string{restore}, services: 5000, zones: 5000,
		load: load,
		change: func(ctx context.Context, s *site, j job) (cost, error) {
			return s.runFile(ctx, fmt.Appendf(nil, "*nat\n-R SVC-0 1 %s\nCOMMIT\n", choice(0, newServer)), restore, "--noflush")
		},
		clear: func(ctx context.Context, s *site) error {
			_, err := s.runFile(ctx, []byte(natTable+"COMMIT\n"), restore)
			lab.Pause()
			return err
		},
	}
}

const natTable = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"

func dnatRules(j job) []byte {
	var b strings.Builder
	b.WriteString(natTable)
	for i := range j.services {
		fmt.Fprintf(&b, ":SVC-%d - [0:0]\n", i)
	}
	for i := range j.services {
		fmt.Fprintf(&b, "-A PREROUTING -d %s/32 -p %s -m %s --dport 80 -j SVC-%d\n", sample.Addr(sample.VIPs, i), j.proto, j.proto, i)
	}
	for i := range j.services {
		for k, server := range j.fleet().ServersOf(i) {
			fmt.Fprintf(&b, "-A SVC-%d %s\n", i, choice(k, server))
		}
	}
	b.WriteString("COMMIT\n")
	return []byte(b.String())
}

// choice is the k-th rule of four that send to one real server each, equally often.
func choice(k int, server string) string {
	chance := [4]string{"-m statistic --mode random --probability 0.25 ", "-m statistic --mode random --probability 0.33333333349 ", "-m statistic --mode random --probability 0.5 ", ""}
	return chance[k] + "-j DNAT --to-destination " + server
}

func snatRules(j job) []byte {
	var b strings.Builder
	b.WriteString(natTable)
	for i := range j.zones {
		fmt.Fprintf(&b, "-A POSTROUTING -s %s/24 -j SNAT --to-source %s-%s --persistent\n",
			sample.Addr(sample.Sources, i*256), sample.Addr(sample.Laddrs, i*4), sample.Addr(sample.Laddrs, i*4+3))
	}
	b.WriteString("COMMIT\n")
	return []byte(b.String())
}
