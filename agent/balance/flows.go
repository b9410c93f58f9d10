package balance

import (
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Ends tells whether a flow of a real server that went down is ended. Answered says that the
// server sent something back at least once.
func Ends(on policy.OnDown, proto inet.Proto, answered bool) bool {
	switch on {
	case policy.DownEnd:
		return true
	case policy.DownKeep:
		return false
	}
	// A TCP or SCTP connection notices by itself that nobody answers, and may outlive a check
	// that is wrong. A UDP client that goes on sending keeps its flow alive, and so would stay
	// with the dead server for ever.
	return proto == inet.UDP || !answered
}
