package nftlink

import (
	"testing"

	"github.com/snatctl/snatctl/nfnl"
)

// Whatever bytes come from a socket, walking their messages neither panics nor loops.
func FuzzMessages(f *testing.F) {
	f.Fuzz(func(_ *testing.T, data []byte) {
		_ = messages(data, func(m nfnl.Message) bool {
			_ = nfnl.Errno(m.Data)
			return true
		})
	})
}
