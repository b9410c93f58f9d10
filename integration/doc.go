// Package integration tries snatctl as a whole: real policies, the real binary, real
// packets between network namespaces. A test says where a packet goes, not which rules
// exist: what the far end sees, checked against what conntrack holds.
//
// The tests need root or `unshare -rn`. Without it they skip, or fail if
// SNATCTL_REQUIRE_NETNS is 1. They build cmd/snatctl, or use the binary that SNATCTL_BIN names.
package integration
