package tell

import (
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/nft"
)

// chance tells which node that drains gets packets that belong to no connection here.
func (c *changes) chance(live, want *nft.Ruleset) {
	was, will := readback.ChanceOf(live), readback.ChanceOf(want)
	vips := func(ch readback.Chance) string {
		if len(ch.VIPs) == 1 {
			return ch.VIPs[0].String()
		}
		return fmt.Sprintf("%d VIPs", len(ch.VIPs))
	}
	const goes = "packets to %s that belong to no connection here go to it"
	switch {
	case was.Node != will.Node:
		if was.Node != "" {
			c.add(RemoveObject, KindNode, was.Node, "gets no packets any more that belong to no connection here")
		}
		if will.Node != "" {
			c.add(AddObject, KindNode, will.Node, fmt.Sprintf(goes, vips(will)))
		}
	case will.Node != "":
		if d := rangeChanges("", was.Ranges(), will.Ranges()); d != "" {
			c.add(ChangeObject, KindNode, will.Node, fmt.Sprintf(goes, strings.TrimSpace(d)))
		}
	}
}
