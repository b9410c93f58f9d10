package toalink

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// priority is that of our filters: behind those of others, who mostly take 1.
const priority = 100

// prefix begins the names of a table's filters; a digest follows.
func prefix(table string) string { return "snatctl/" + table + "/" }

// hook is one of the two places of a program at an interface.
type hook struct {
	name   string // of the program
	parent uint32
}

var hooks = [...]hook{{"tell", netlink.HANDLE_MIN_EGRESS}, {"room", netlink.HANDLE_MIN_INGRESS}}

// programs are file descriptors of programs, one for each hook.
type programs [len(hooks)]int

// attach puts programs at an interface, in the place of earlier ones of the same table.
func attach(table, digest, iface string, fds programs) error {
	link, err := netlink.LinkByName(iface)
	if err != nil {
		return err
	}
	if err := netlink.QdiscAdd(clsact(link)); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make a place for programs (clsact): %w", err)
	}
	for i, h := range hooks {
		f := &netlink.BpfFilter{
			FilterAttrs:  netlink.FilterAttrs{LinkIndex: link.Attrs().Index, Parent: h.parent, Handle: 1, Priority: priority, Protocol: unix.ETH_P_ALL},
			Fd:           fds[i],
			Name:         prefix(table) + digest,
			DirectAction: true,
		}
		if err := netlink.FilterReplace(f); err != nil {
			return err
		}
	}
	return nil
}

// detach removes the programs of a table from an interface, and the place if nobody else has one there.
func detach(table, iface string) error {
	link, err := netlink.LinkByName(iface)
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) {
		return nil
	}
	if err != nil {
		return err
	}
	at, err := filters(link, table)
	if err != nil {
		return err
	}
	for _, f := range at.ours {
		if err := netlink.FilterDel(f); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	if at.others == 0 {
		if err := netlink.QdiscDel(clsact(link)); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	return nil
}

func clsact(link netlink.Link) *netlink.Clsact {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}}
}

// standing is what stands at an interface.
type standing struct {
	ours   []*netlink.BpfFilter
	others int // filters
}

// digest returns that of the programs, if all are there and alike; otherwise "".
func (s standing) digest(table string) string {
	if len(s.ours) != len(hooks) || s.ours[0].Name != s.ours[1].Name || s.ours[0].Parent == s.ours[1].Parent {
		return ""
	}
	return strings.TrimPrefix(s.ours[0].Name, prefix(table))
}

func filters(link netlink.Link, table string) (s standing, err error) {
	for _, h := range hooks {
		all, err := netlink.FilterList(link, h.parent)
		if err != nil {
			return s, err
		}
		for _, f := range all {
			b, ok := f.(*netlink.BpfFilter)
			switch {
			case ok && strings.HasPrefix(b.Name, prefix(table)):
				s.ours = append(s.ours, b)
			case !ok || b.Id != 0: // the kernel lists a priority without a filter, too
				s.others++
			}
		}
	}
	return s, nil
}

// everywhere returns what of a table stands, by interface.
func everywhere(table string) (map[string]standing, error) {
	all, err := netlink.QdiscList(nil)
	if err != nil {
		return nil, err
	}
	found := make(map[string]standing)
	for _, q := range all {
		if q.Attrs().Parent != netlink.HANDLE_CLSACT {
			continue
		}
		link, err := netlink.LinkByIndex(q.Attrs().LinkIndex)
		if err != nil {
			continue // it is going
		}
		at, err := filters(link, table)
		if err != nil {
			return nil, err
		}
		if len(at.ours) > 0 {
			found[link.Attrs().Name] = at
		}
	}
	return found, nil
}
