package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
)

// Trial is a policy that is taken back unless somebody confirms it in time. It waits beside
// who applied it, who may hang where he prints: on a terminal that nobody reads any more.
type Trial struct {
	change *Change
	began  time.Time
	going  context.Context // ends once the trial is decided

	confirms chan func(Answer) // those who confirm, and how to answer them
	decided  chan struct{}     // closed once it is too late to confirm
	done     chan struct{}     // closed once the verdict is final
	verdict  error
	kept     bool
}

// Answer is what who confirms is told.
type Answer string

// The answers.
const (
	Kept      Answer = "kept"
	Unwritten Answer = "unwritten" // kept, and not in the history
	TooLate   Answer = "too late"
)

// newTrial lets the time run. A context that ends takes the change back at once.
func newTrial(ctx context.Context, c *Change) *Trial {
	t := &Trial{change: c, began: time.Now()}
	t.confirms, t.decided, t.done = make(chan func(Answer)), make(chan struct{}), make(chan struct{})
	going, cancel := context.WithCancel(ctx)
	t.going = going
	c.g.door.enter(c.g.lock, func(d *door) { d.trial = t })
	go t.watch(ctx, cancel)
	return t
}

// Left is how much time there is to confirm. Go measures by the monotonic clock: setting the
// clock of the machine changes nothing.
func (t *Trial) Left() time.Duration { return t.change.o.Confirm - time.Since(t.began) }

// Done is closed once it is decided what became of the trial.
func (t *Trial) Done() <-chan struct{} { return t.done }

// Decided is closed once it is too late to confirm: the trial was confirmed, or is being taken back.
func (t *Trial) Decided() <-chan struct{} { return t.decided }

func (t *Trial) over() bool {
	select {
	case <-t.decided:
		return true
	default:
		return false
	}
}

// Wait returns what became of the trial: nil if it was confirmed, a RevertedError if it was taken
// back, and an IncompleteError if either left something undone.
func (t *Trial) Wait() error {
	<-t.done
	return t.verdict
}

// Kept waits, too, and tells whether the policy was confirmed.
func (t *Trial) Kept() bool {
	<-t.done
	return t.kept
}

// Confirm keeps what is on trial, and says whether it was in time.
func (t *Trial) Confirm() (a Answer) {
	t.confirm(func(given Answer) { a = given })
	return a
}

// confirm asks for a decision, and returns once it was answered. The trial does not end before:
// with it the process may.
func (t *Trial) confirm(answer func(Answer)) {
	answered := make(chan struct{})
	done := func(a Answer) {
		defer close(answered)
		answer(a)
	}
	select {
	case t.confirms <- done:
		<-answered
	case <-t.decided:
		done(TooLate)
	}
}

func (t *Trial) watch(ctx context.Context, cancel func()) {
	defer close(t.done)
	defer t.change.around.release()
	defer cancel()
	why := ""
	select {
	case <-time.After(t.Left()):
		why = fmt.Sprintf("nobody confirmed within %v", t.change.o.Confirm)
	case <-ctx.Done():
		why = "interrupted before it was confirmed"
	case answer := <-t.confirms:
		close(t.decided)
		t.verdict = t.keep(answer)
		return
	}
	close(t.decided)
	cancel()
	t.verdict = t.revert(context.WithoutCancel(ctx), why)
}

// keep writes down that the policy stays before it says so.
func (t *Trial) keep(answer func(Answer)) error {
	t.kept = true
	if err := t.mark(func(e *history.Entry) { e.State = history.Applied }); err != nil {
		answer(Unwritten)
		return incomplete("the policy stays in force, but the history does not say so: %w; boot would apply an older one, so make room and apply it again", err)
	}
	answer(Kept)
	return nil
}

// Hanging is how long the disk, or what shows a result, may hold up what became of a trial.
const Hanging = 10 * time.Second

// mark says in the history what became of the trial. A disk that hangs holds up nothing else.
func (t *Trial) mark(change func(*history.Entry)) error {
	marked := make(chan error, 1)
	go func() { marked <- t.change.note(change) }()
	select {
	case err := <-marked:
		return err
	case <-time.After(Hanging):
		return fmt.Errorf("writing it takes longer than %v", Hanging)
	}
}

// Reverting is tried again, since nothing else would bring the table back.
const (
	revertTries = 10
	revertPause = time.Second
)

// revert brings back the table that stood, forwarding and addresses as they were, and ends the
// flows that contradict that.
func (t *Trial) revert(ctx context.Context, why string) error {
	g, did := t.change.g, t.change.did
	now, err := t.restore(ctx)
	if errors.Is(err, nftlink.ErrOwned) {
		return incomplete("%s, and table inet %s COULD NOT BE TAKEN BACK: the table that stands now is neither the new policy's nor the one before: %w; see `snatctl history`, and go back by `snatctl rollback 0`", why, g.table, err)
	}
	if err != nil {
		return incomplete("%s, and table inet %s COULD NOT BE TAKEN BACK: the new policy is still in force: %w; see `snatctl history`, and go back by `snatctl rollback 0` or `snatctl flush`", why, g.table, err)
	}
	unmade := t.change.around.undo()
	reverted, clean := &RevertedError{Table: g.table, Why: why}, false
	if t.change.cleans() {
		g.settle()
		var stale StaleFlows
		stale, _, reverted.Left = g.cleanup(ctx, ct.Contradicts, before(now), did.live)
		reverted.Ended, clean = stale.Count(true), reverted.Left == nil
	}
	_ = t.mark(func(e *history.Entry) { // it was told, and an unconfirmed entry does no harm
		e.State = history.Reverted
		e.Unclean = e.Unclean && !clean
	})
	if unmade != nil {
		return incomplete("%s; but %w", reverted.Error(), unmade)
	}
	return reverted
}

// restore puts the table back, and returns the one that stood until then.
func (t *Trial) restore(ctx context.Context) (now *nft.Ruleset, err error) {
	for try := 1; ; try++ {
		if now, err = t.restoreOnce(ctx); err == nil || try == revertTries {
			return now, err
		}
		time.Sleep(revertPause)
	}
}

func (t *Trial) restoreOnce(ctx context.Context) (*nft.Ruleset, error) {
	if t.change.did.plan.Empty() { // only routes or addresses are on trial
		return t.change.w.Ruleset, nil
	}
	conn, err := nftlink.Open() // the apply may be at work with its own
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	now, _, err := conn.Read(ctx, t.change.g.table)
	if err != nil || now == nil {
		now = t.change.w.Ruleset // it tells whom flows belong to, nothing more
	}
	return now, conn.Restore(ctx, t.change.did.saved)
}
