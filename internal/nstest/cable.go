package nstest

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// Unplug cuts the cable of a real server, at the switch: what is sent to it gets no answer.
func (w *World) Unplug(rs *Host) error { return w.cable(rs, (*netlink.Handle).LinkSetDown) }

// Plug puts the cable of a real server in again.
func (w *World) Plug(rs *Host) error { return w.cable(rs, (*netlink.Handle).LinkSetUp) }

func (w *World) cable(rs *Host, set func(*netlink.Handle, netlink.Link) error) error {
	port, err := w.lan.nl.LinkByName(rs.Name)
	if err == nil {
		err = set(w.lan.nl, port)
	}
	if err != nil {
		return fmt.Errorf("cable of %s: %w", rs.Name, err)
	}
	return nil
}
