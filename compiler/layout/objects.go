package layout

import (
	"slices"

	"github.com/snatctl/snatctl/nft"
)

// helperNames are the kernel's helpers as chains and objects call them (policy.Control.Name).
var helperNames = []string{"ftp", "tftp", "sip", "sip-tcp", "pptp", "h323", "h323-ras"}

// Makes tells whether snatctl makes objects of that kind and name.
func Makes(ref nft.Ref) bool {
	return ref.Kind == nft.KindCtHelper && slices.Contains(helperNames, ref.Name)
}
