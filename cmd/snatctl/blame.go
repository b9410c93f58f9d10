package main

import (
	"errors"
	"fmt"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
)

// blame adds to the kernel's refusal of an element or rule the policy object that it is for:
// an element's key says little to who wrote the policy.
func blame(live, want *nft.Ruleset, err error) error {
	var refused *nftlink.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	if objects := tell.ObjectsOf(live, want, refused.Op); objects != "" {
		return fmt.Errorf("%s: %w", objects, err)
	}
	return err
}

// unchanged adds to the error of a failed transaction that the kernel is as it was, if so.
func unchanged(err error) error {
	if errors.Is(err, nftlink.ErrUnknown) {
		return fmt.Errorf("%w; `snatctl diff` tells once the table can be read", err)
	}
	return fmt.Errorf("%w; nothing was changed", err)
}
