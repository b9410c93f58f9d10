package layout

import (
	"slices"
	"strings"

	"github.com/snatctl/snatctl/nft"
)

// helperNames are the kernel's helpers as chains and objects call them (policy.Control.Name).
var helperNames = []string{"ftp", "tftp", "sip", "sip-tcp", "pptp", "h323", "h323-ras"}

// Makes tells whether snatctl makes objects of that kind and name.
func Makes(ref nft.Ref) bool {
	switch ref.Kind {
	case nft.KindCtHelper:
		return slices.Contains(helperNames, ref.Name)
	case nft.KindCtTimeout: // udp/udp-60
		return strings.HasPrefix(ref.Name, "udp/") || strings.HasPrefix(ref.Name, "tcp/")
	}
	return false
}
