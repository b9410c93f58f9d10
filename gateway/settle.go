package gateway

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/nft"
)

// membarrierGlobal is MEMBARRIER_CMD_GLOBAL (membarrier(2)).
const membarrierGlobal = 1

// unhurried is far longer than a packet takes through the gateway's hooks.
const unhurried = 100 * time.Millisecond

// settle waits until no packet is on its way any more that met the rules, or entries of
// maps, as they were before now. Such a packet may still become a flow, or enter its client
// into a map, after the transaction that it did not see.
//
// The kernel takes a packet through its hooks within one RCU read-side section
// (net/core/dev.c, netif_receive_skb_list_internal), and MEMBARRIER_CMD_GLOBAL waits for all
// of these to end (kernel/sched/membarrier.c); with one processor there are none while a
// program runs. Kernels with nohz_full refuse it, and there time alone must do. Packets that
// others keep in a queue of their own (NFQUEUE) are not waited for.
func (g *Gateway) settle() {
	defer g.took(Cleaning, time.Now())
	passed()
}

// passed is settle without a gateway that is told how long it took.
func passed() {
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0); errno != 0 {
		time.Sleep(unhurried)
	}
}

// releaseClients makes persistent services forget clients of real servers that take no new
// connections any more. The policy is in force by then: what fails is worth a warning.
func (g *Gateway) releaseClients(ctx context.Context, w *Wanted) {
	released, err := g.release(0, func() (int, error) { return g.releaseOnce(ctx, w) })
	if err != nil {
		g.tell(Warning{fmt.Errorf("clients of removed real servers may stay with them until their persistence ends: %w", err)})
	}
	if released > 0 {
		g.tell(Released{released})
	}
}

// releases bounds how often release looks.
const releases = 3

// release makes persistent services forget clients by once, which returns how many it found, until it
// finds none. It returns how many clients there were.
//
// A connection that met such an entry enters it once more when it leaves. So it looks again
// when all that came before are through: the first sure times also if it found none.
func (g *Gateway) release(sure int, once func() (int, error)) (clients int, err error) {
	for looks := range releases {
		n, err := once()
		if err != nil || n == 0 && looks >= sure {
			return clients, err
		}
		clients = max(clients, n) // later ones are clients again
		g.settle()
	}
	return clients, nil
}

func (g *Gateway) releaseOnce(ctx context.Context, w *Wanted) (int, error) {
	entered, err := g.conn.Entered(ctx, w.Ruleset)
	if err != nil {
		return 0, err
	}
	stale := compiler.StaleClients(w.Policy, entered)
	if len(stale) == 0 {
		return 0, nil
	}
	if err := g.conn.Forget(ctx, g.table, stale, 0); err != nil {
		return 0, err
	}
	g.forgot++
	return entries(stale), nil
}

func entries(of map[*nft.Set][]nft.Element) (n int) {
	for _, es := range of {
		n += len(es)
	}
	return n
}
