package nftlink

import (
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
)

// Forms is wire.Forms.
func Forms(r *nft.Ruleset) (nft.Formed, error) { return wire.Forms(r) }
