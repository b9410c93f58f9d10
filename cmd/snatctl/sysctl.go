package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// forwardingKeys are the sysctls that let the kernel forward a family (ip-sysctl.rst).
var forwardingKeys = map[inet.Family]string{
	inet.V4: "net/ipv4/ip_forward",
	inet.V6: "net/ipv6/conf/all/forwarding",
}

// accountingKeys are the sysctls without which reports lack bytes, times and the ends of
// old flows (nf_conntrack-sysctl.rst).
var accountingKeys = []string{
	"net/netfilter/nf_conntrack_acct",
	"net/netfilter/nf_conntrack_timestamp",
	"net/netfilter/nf_conntrack_events",
}

// forwardingOn switches forwarding on for the families that the table uses, unless the
// policy leaves that to others. It says what it changed, after making quiet who else may be
// on the screen, and returns what undoes it.
func forwardingOn(p *policy.Policy, want *nft.Ruleset, quiet func()) (undo func(), err error) {
	var changed []string
	undo = func() {
		for _, key := range changed {
			_ = sysctl(key, "0")
		}
	}
	if !p.Gateway.Forwarding {
		return undo, nil
	}
	for _, f := range inet.Families {
		key := forwardingKeys[f]
		if !usesFamily(want, f) || on(key) {
			continue
		}
		if err := sysctl(key, "1"); err != nil {
			undo()
			return func() {}, fmt.Errorf("switch on forwarding of %s: %w (switch it on yourself and say `forwarding: false` under gateway)", f, err)
		}
		changed = append(changed, key)
		quiet()
		fmt.Fprintf(stderr, "switched on %s\n", strings.ReplaceAll(key, "/", "."))
	}
	return undo, nil
}

// usesFamily tells whether the table translates or refuses anything of a family.
func usesFamily(r *nft.Ruleset, f inet.Family) bool {
	for _, s := range r.Sets {
		if len(s.Elements) > 0 && len(s.Key) > 0 && s.Key[0] == nft.AddrType(f) {
			return true
		}
	}
	return false
}

// accountingOn switches on what reports need. A kernel without it is only worth a warning.
func accountingOn(p *policy.Policy) {
	if !p.Gateway.Sysctls {
		return
	}
	for _, key := range accountingKeys {
		if on(key) {
			continue
		}
		if err := sysctl(key, "1"); err != nil {
			fmt.Fprintf(stderr, "warning: %v (reports will lack data; `sysctls: false` under gateway silences this)\n", err)
			continue
		}
		fmt.Fprintf(stderr, "set %s to 1\n", strings.ReplaceAll(key, "/", "."))
	}
}

func on(key string) bool {
	b, err := os.ReadFile("/proc/sys/" + key)
	return err == nil && strings.TrimSpace(string(b)) == "1"
}

func sysctl(key, value string) error { return os.WriteFile("/proc/sys/"+key, []byte(value), 0) }
