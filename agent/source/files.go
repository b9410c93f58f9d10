// Package source is where an agent's policy comes from: files, of which it says when they change.
package source

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// Files are policy files and directories, as -f names them. What is watched are directories: those
// that hold the files, and those that hold the links on the way to them. So editors that write a new
// file and rename it are noticed, and so are config maps of Kubernetes, which swap a link.
type Files struct {
	paths []string               // absolute
	seen  atomic.Pointer[string] // how they were when they were last loaded
}

// Of returns the source of some paths. Standard input is none: it can be read once.
func Of(paths []string) (*Files, error) {
	f := &Files{}
	for _, p := range paths {
		if p == "-" {
			return nil, errors.New("an agent reads its policy again when it changes, so it takes no policy from standard input: name a file")
		}
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, err
		}
		f.paths = append(f.paths, abs)
	}
	return f, nil
}

// Paths returns the files and directories, absolute, in the order in which they were given.
func (f *Files) Paths() []string { return f.paths }

// Load reads the policy as read.LoadSources does.
func (f *Files) Load() (*policy.Policy, []policy.Source, policy.Diagnostics) {
	now := f.mark() // what changes while they are read is noticed
	f.seen.Store(&now)
	return read.LoadSources(f.paths, nil)
}

// How long the files must have been left alone until they count as changed: editors and copies write
// in several steps. Who never stops writing is read all the same.
const (
	calm     = 200 * time.Millisecond
	calmMost = 2 * time.Second
)

// lookAnyway is how often the files are looked at if no event came: some file systems send none.
const lookAnyway = 10 * time.Second

// Watch calls changed whenever the files are others than those that were loaded, until ctx is done.
// It returns an error if it cannot be told of changes any more.
func (f *Files) Watch(ctx context.Context, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the policy files: %w (`sysctl fs.inotify.max_user_instances` bounds how many programs may)", err)
	}
	defer w.Close()
	watched := map[string]bool{}
	f.follow(w, watched)
	told := ""
	changes := func() bool {
		now, seen := f.mark(), f.seen.Load()
		if seen != nil && *seen == now || now == told {
			return false
		}
		told = now
		return true
	}
	anyway := time.NewTicker(lookAnyway)
	defer anyway.Stop()
	settled := time.NewTimer(calm) // what happened before the watch began
	var since time.Time            // the first event of those that are waited out
	wait := func() {
		if since.IsZero() {
			since = time.Now()
		}
		settled.Reset(min(calm, max(0, calmMost-time.Since(since))))
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-w.Events:
			if !open {
				return errors.New("watch the policy files: the events have ended")
			}
			wait()
		case <-w.Errors: // events were lost, so look
			wait()
		case <-anyway.C:
			wait()
		case <-settled.C:
			since = time.Time{}
			f.follow(w, watched)
			if changes() {
				changed()
			}
		}
	}
}
