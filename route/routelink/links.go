package routelink

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Links are the interfaces of this network namespace, by name, as the kernel's events tell of them. The
// zero value knows none until Watch runs. Its methods may be called by several goroutines.
type Links struct {
	mu    sync.Mutex
	names map[int]string // by index
	stand map[string]Link
	known bool // all of them
}

// Link is what a link has to do with packets. The zero value is that of an interface that is not there.
type Link struct {
	Index   int  // of the interface, not of its name: one that is made anew has another
	Carries bool // it is up, and so is what it is on (IFF_UP and IFF_RUNNING, netdevice(7))
}

// Find tells how an interface is. known is false as long as it is not known which there are.
func (l *Links) Find(name string) (link Link, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stand[name], l.known
}

// Look sees which links there are now, for whoever cannot wait for Watch to begin.
func (l *Links) Look() error {
	all, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list the links: %w", err)
	}
	l.replace(all)
	return nil
}

// errLost says that the kernel had more events than the socket held, or that it ended.
var errLost = errors.New("events of links were lost")

// eventsBuffer holds the events of many links, such as of a concentrator whose sessions end at once.
const eventsBuffer = 4 << 20

// Watch follows the links until the context ends, whose error it returns, or events are lost: then it is
// to be called again, and sees all of them anew. changed is called after links have changed, also once
// when all are known; it must be quick.
func (l *Links) Watch(ctx context.Context, changed func()) error {
	done := make(chan struct{})
	defer close(done)
	events := make(chan netlink.LinkUpdate, 64)
	if err := netlink.LinkSubscribeWithOptions(events, done, netlink.LinkSubscribeOptions{ReceiveBufferSize: eventsBuffer, ReceiveBufferForceSize: true}); err != nil {
		return fmt.Errorf("hear of links: %w", err)
	}
	if err := l.Look(); err != nil { // what happens meanwhile is among the events
		return err
	}
	changed()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-events:
			if !ok {
				return errLost
			}
			if l.take(e) {
				changed()
			}
		}
	}
}

// replace enters all links there are.
func (l *Links) replace(all []netlink.Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names, l.stand, l.known = make(map[int]string, len(all)), make(map[string]Link, len(all)), true
	for _, link := range all {
		a := link.Attrs()
		l.enter(a.Name, Link{a.Index, carries(a.RawFlags)})
	}
}

// take enters one event, and tells whether it says anything new. A link that has left a bridge is said to
// be gone as one of the bridge's (AF_BRIDGE), and is not.
func (l *Links) take(e netlink.LinkUpdate) bool {
	if e.IfInfomsg.Family != unix.AF_UNSPEC {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := e.Attrs()
	is := Link{a.Index, carries(e.IfInfomsg.Flags)}
	if e.Header.Type == unix.RTM_DELLINK {
		is = Link{}
	}
	was, named := l.names[a.Index]
	if named && was == a.Name && l.stand[was] == is || !named && is == (Link{}) {
		return false
	}
	if named && l.stand[was].Index == a.Index {
		delete(l.stand, was) // it may have another name now
	}
	delete(l.names, a.Index)
	if is != (Link{}) {
		l.enter(a.Name, is)
	}
	return true
}

func (l *Links) enter(name string, is Link) { l.names[is.Index], l.stand[name] = name, is }

func carries(flags uint32) bool { return flags&unix.IFF_UP != 0 && flags&unix.IFF_RUNNING != 0 }
