// Package integration tries snatctl as a whole: real policies, the real binary, real
// packets between network namespaces. A test says where a packet goes, not which rules
// exist: what the far end sees, checked against what conntrack holds.
//
// startSite makes the world with a policy, startGateway a gateway alone; then check sends
// packets, ctl and prints run commands, apply and wantDiff bring and hold policies.
//
// The tests need root or `unshare -rn`. Without it they skip, or fail if
// SNATCTL_REQUIRE_NETNS is 1. They build cmd/snatctl, or use the binary that SNATCTL_BIN names.
package integration
