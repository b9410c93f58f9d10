package agent

import "sync"

// batches does what takes longer than the next verdict may wait, beside the loop: listing many flows.
// Whatever comes while a batch is under way is the next one.
type batches[T, In any] struct {
	do func(batch []T, in *In)

	mu      sync.Mutex // over what follows
	waiting []T
	in      *In // what was known last; nil: nothing begins
	going   bool
	done    sync.WaitGroup
}

// add enters something.
func (b *batches[T, In]) add(t T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, t)
}

// of says what batches are done with from now on.
func (b *batches[T, In]) of(in *In) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.in = in
}

// begin begins with what was entered, unless that goes on already.
func (b *batches[T, In]) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.going || len(b.waiting) == 0 || b.in == nil {
		return
	}
	b.going = true
	b.done.Go(b.run)
}

// run goes on until nothing waits.
func (b *batches[T, In]) run() {
	for {
		b.mu.Lock()
		batch, in := b.waiting, b.in
		b.waiting = nil
		if b.going = len(batch) > 0; !b.going {
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		b.do(batch, in)
	}
}
