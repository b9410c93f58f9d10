package gateway

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

// pickUpOff keeps conntrack from picking up TCP connections in the middle: the segment by which a client returns
// the cookie of a SYN proxy must belong to no connection, and so must those of a node that drains. It returns what undoes it. Where conntrack is not loaded
// yet there is nothing to set, and it is called again when the table is in force.
func (g *Gateway) pickUpOff(p *policy.Policy) (undo func(), err error) {
	undo = func() {}
	why, fails := "syn_proxy", "connections to services with syn_proxy fail"
	switch {
	case p.ProxiesSyn():
	case p.GivesChance():
		why, fails = "the second chance", "connections of node "+p.SecondChance().Name+", which drains, are cut here"
	default:
		return undo, nil
	}
	was, err := host.Sysctl(lint.PickUpKey)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && was == "0":
		return undo, nil
	case !p.Gateway.Sysctls:
		g.tell(Warning{fmt.Errorf("%s is %s, and %s until it is 0: set it, or take `sysctls: false` out", host.SysctlName(lint.PickUpKey), was, fails)})
		return undo, nil
	}
	if err := host.SetSysctl(lint.PickUpKey, "0"); err != nil {
		return undo, fmt.Errorf("set %s to 0, which %s needs: %w (set it yourself and write `sysctls: false` under gateway)", host.SysctlName(lint.PickUpKey), why, err)
	}
	g.tell(Switched{Key: lint.PickUpKey, Value: "0"})
	return func() { _ = host.SetSysctl(lint.PickUpKey, was) }, nil
}
