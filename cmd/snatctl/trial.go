package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
)

// trial is an apply that is taken back unless somebody confirms it in time. It waits beside
// the apply, which may hang where it prints: on a terminal that nobody reads any more.
type trial struct {
	lock    *gateway.Lock
	line    *lifeline
	change  change
	want    *nft.Ruleset
	cleanup bool // flows that contradict the table that is back end

	began    time.Time
	limit    time.Duration
	confirms chan func(word string) // those who confirm, and how to answer them
	decided  chan struct{}          // closed once it is too late to confirm
	verdict  chan error
	recorded chan func(history.State) error // marks the entry in the history, once there is one
}

// start lets the time run. The context that it returns ends when the apply is taken back.
func (t *trial) start(ctx context.Context) context.Context {
	t.confirms, t.decided, t.verdict = make(chan func(string)), make(chan struct{}), make(chan error)
	t.recorded = make(chan func(history.State) error, 1)
	going, cancel := context.WithCancel(ctx)
	go t.serve()
	go t.watch(ctx, cancel)
	return going
}

// wait returns what became of the trial: nil if it was confirmed.
func (t *trial) wait() error {
	t.line.say(fmt.Sprintf("%s %d", wordWaiting, max(0, int(t.left().Seconds()+0.5))))
	return <-t.verdict
}

// left is how much time there is to confirm. Go measures by the monotonic clock: setting the
// clock of the machine changes nothing.
func (t *trial) left() time.Duration { return t.limit - time.Since(t.began) }

func (t *trial) watch(ctx context.Context, cancel func()) {
	defer cancel()
	why := ""
	select {
	case <-time.After(t.left()):
		why = fmt.Sprintf("nobody confirmed within %v", t.limit)
	case <-ctx.Done():
		why = "interrupted before it was confirmed"
	case answer := <-t.confirms:
		t.keep(answer)
		return
	case answer := <-t.line.confirms():
		t.keep(answer)
		return
	}
	close(t.decided)
	cancel()
	t.deliver(t.revert(context.WithoutCancel(ctx), why))
}

// keep writes down that the policy stays before it says so.
func (t *trial) keep(answer func(word string)) {
	close(t.decided)
	err := t.mark(history.Applied)
	if err != nil {
		answer(wordUnwritten)
		t.deliver(exit{exitIncomplete, fmt.Errorf("the policy stays in force, but the history does not say so: %w; boot would apply an older one, so make room and apply it again", err)})
		return
	}
	answer(wordKept)
	t.deliver(nil)
}

// mark says in the history what became of the trial. A disk that hangs holds up nothing else.
func (t *trial) mark(as history.State) error {
	select {
	case mark := <-t.recorded:
		return mark(as)
	case <-time.After(hanging):
		return fmt.Errorf("writing it takes longer than %v", hanging)
	}
}

// hanging is how long the rest of the apply may take to come to an end.
const hanging = 10 * time.Second

// deliver ends the trial, and the process if that hangs.
func (t *trial) deliver(err error) {
	select {
	case t.verdict <- err:
	case <-time.After(hanging):
		var status exit
		errors.As(err, &status)
		os.Exit(status.code)
	}
}

// serve answers who calls at the lock, until the lock is released.
func (t *trial) serve() {
	for {
		c, err := t.lock.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(time.Second) // out of descriptors, or of memory: may pass
			continue
		}
		go t.answer(c)
	}
}

// answer speaks with one caller. It greets first: who gave up meanwhile has confirmed nothing.
func (t *trial) answer(c *net.UnixConn) {
	defer c.Close()
	if c.SetDeadline(time.Now().Add(t.limit+time.Minute)) != nil {
		return
	}
	g := greeting{Left: t.left().Seconds()}
	cred, err := peer(c)
	if err != nil || !trusted(cred) {
		g = greeting{Error: "denied"}
	}
	if json.NewEncoder(c).Encode(g) != nil || g.Error != "" {
		return
	}
	word, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || strings.TrimSpace(word) != wordConfirm {
		return
	}
	answered := make(chan struct{})
	answer := func(word string) {
		fmt.Fprintln(c, word)
		close(answered)
	}
	select {
	case t.confirms <- answer:
		<-answered
	case <-t.decided:
		answer(wordTooLate)
	}
}

// Reverting is tried again, since nothing else would bring the table back.
const (
	revertTries = 10
	revertPause = time.Second
)

// revert brings back the table that stood, forwarding as it was, and ends the flows that
// contradict that.
func (t *trial) revert(ctx context.Context, why string) error {
	now, err := t.restore(ctx)
	if errors.Is(err, nftlink.ErrOwned) {
		return exit{exitIncomplete, fmt.Errorf("%s, and table inet %s COULD NOT BE TAKEN BACK: the table that stands now is neither the new policy's nor the one before: %w; see `snatctl history`, and go back by `snatctl rollback 0`", why, t.want.Table, err)}
	}
	if err != nil {
		return exit{exitIncomplete, fmt.Errorf("%s, and table inet %s COULD NOT BE TAKEN BACK: the new policy is still in force: %w; see `snatctl history`, and go back by `snatctl rollback 0` or `snatctl flush`", why, t.want.Table, err)}
	}
	t.change.undo()
	_ = t.mark(history.Reverted) // it was told, and an unconfirmed entry does no harm
	err = exit{exitReverted, fmt.Errorf("%s: taken back, table inet %s is as it was before", why, t.want.Table)}
	if !t.cleanup {
		return err
	}
	settle(new(timings))
	stale, failed := cleanup(ctx, now, t.change.was, new(timings))
	if n := stale.count(true); n > 0 {
		err = exit{exitReverted, fmt.Errorf("%w; ended %s that contradicted it", err, count(n, "flow"))}
	}
	if failed != nil {
		err = exit{exitReverted, fmt.Errorf("%w; connections that contradict it may be left: %w", err, failed)}
	}
	return err
}

// restore puts the table back, and returns the one that stood until then.
func (t *trial) restore(ctx context.Context) (now *nft.Ruleset, err error) {
	for try := 1; ; try++ {
		if now, err = t.restoreOnce(ctx); err == nil || try == revertTries {
			return now, err
		}
		time.Sleep(revertPause)
	}
}

func (t *trial) restoreOnce(ctx context.Context) (*nft.Ruleset, error) {
	conn, err := nftlink.Open() // the apply may be at work with its own
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	now, _, err := conn.Read(ctx, t.want.Table)
	if err != nil || now == nil {
		now = t.want // it tells whom flows belong to, nothing more
	}
	return now, conn.Restore(ctx, t.change.kept)
}
