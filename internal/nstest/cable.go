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
	return w.lan.setLink(rs.Name, set)
}

// setLink does something with an interface of the host: at a switch, with the end of a cable.
func (h *Host) setLink(name string, set func(*netlink.Handle, netlink.Link) error) error {
	l, err := h.nl.LinkByName(name)
	if err == nil {
		err = set(h.nl, l)
	}
	if err != nil {
		return fmt.Errorf("%s: interface %s: %w", h.Name, name, err)
	}
	return nil
}
