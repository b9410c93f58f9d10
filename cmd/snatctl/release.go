package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
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
func settle(t *timings) {
	defer func(start time.Time) { t.Cleanup += since(start) }(time.Now())
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0); errno != 0 {
		time.Sleep(unhurried)
	}
}

// releases bounds how often releaseClients looks again.
const releases = 3

// releaseClients makes persistent services forget clients of real servers that take no new
// connections any more. The policy is in force by then: what fails is worth a warning.
//
// A connection that met such an entry enters it once more when it leaves. So it looks again
// when all that came before are through.
func releaseClients(ctx context.Context, conn *nftlink.Conn, p *policy.Policy, want *nft.Ruleset, t *timings) {
	released := 0
	for range releases {
		n, err := releaseOnce(ctx, conn, p, want)
		if err != nil {
			fmt.Fprintf(stderr, "warning: clients of removed real servers may stay with them until their persistence ends: %v\n", err)
			break
		}
		if n == 0 {
			break
		}
		released = max(released, n) // later ones are clients again
		settle(t)
	}
	if released > 0 {
		fmt.Fprintf(stderr, "released %s of real servers that take no new connections\n", count(released, "client"))
	}
}

func releaseOnce(ctx context.Context, conn *nftlink.Conn, p *policy.Policy, want *nft.Ruleset) (int, error) {
	entered, err := conn.Entered(ctx, want)
	if err != nil {
		return 0, err
	}
	stale, n := compiler.StaleClients(p, entered), 0
	for _, es := range stale {
		n += len(es)
	}
	if n == 0 {
		return 0, nil
	}
	return n, conn.Forget(ctx, want.Table, stale)
}
