package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/kernels"
	"github.com/snatctl/snatctl/internal/lab"
)

// guestWord as first argument makes this program measure removals inside a virtual machine; the
// rounds follow.
const guestWord = "measure-removals"

// Keepalived cannot begin without IPVS, which not every machine has: so both run in a virtual machine with
// this kernel of Debian, and this long at most.
const (
	guestKernel = "6.1"
	guestLimit  = 15 * time.Minute
)

// The loader of keepalived's libraries in the guest, since they are this machine's.
const guestLibraries, guestLoader = "job/lib", "/job/lib/ld.so"

// removed measures removals in a virtual machine.
func (b *bench) removed(ctx context.Context) error {
	program, err := exec.LookPath("keepalived")
	if err != nil {
		b.say("  left out: keepalived is not installed")
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	files, err := libraries(ctx, program)
	if err != nil {
		return err
	}
	files["job/bench"], files["job/snatctl"], files["job/keepalived"] = self, b.snatctl, program
	var r removals
	err = kernels.Ask(ctx, guestKernel, guestLimit, kernels.Job{
		Files:    files,
		Modules:  []string{"crc32c_generic", "nf_tables", "nf_conntrack", "ip_vs", "ip_vs_rr"}, // crc32c before nf_tables asks for it
		Commands: []kernels.Command{{Args: []string{"/job/bench", guestWord, strconv.Itoa(b.n)}}},
	}, os.Stderr, &r)
	if errors.Is(err, kernels.ErrMissing) {
		b.say("  left out: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	b.addRemovals(r)
	return nil
}

func (b *bench) addRemovals(r removals) {
	for _, x := range []struct {
		what         string
		ours, theirs lab.Series
	}{{"a RS refuses calls", r.Refuses.Ours, r.Refuses.Theirs}, {"a RS is gone, and silent", r.Silent.Ours, r.Silent.Theirs}} {
		worst := func(s lab.Series) string { return lab.Series{slices.Max(s)}.Seconds() }
		b.add(row{what: x.what + ": until it is out", ours: x.ours.Seconds(), theirs: "keepalived: " + x.theirs.Seconds(), ratio: x.ours.Over(x.theirs)})
		b.add(row{what: fmt.Sprintf("  the slowest of %d", len(x.ours)), ours: worst(x.ours), theirs: "keepalived: " + worst(x.theirs)})
	}
}

// libraries returns what a program of this machine is linked with, as files of a guest (ldd(1)).
func libraries(ctx context.Context, program string) (map[string]string, error) {
	text, err := exec.CommandContext(ctx, "ldd", program).Output()
	if err != nil {
		return nil, fmt.Errorf("ldd %s: %w", program, err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(text)) {
		for _, word := range strings.Fields(line) {
			if !strings.HasPrefix(word, "/") {
				continue
			}
			name := path.Base(word)
			if strings.HasPrefix(name, "ld-linux") {
				name = path.Base(guestLoader)
			}
			if files[path.Join(guestLibraries, name)], err = filepath.EvalSymlinks(word); err != nil {
				return nil, err
			}
			break
		}
	}
	return files, nil
}

// runGuest is what this program does inside the virtual machine.
func runGuest(ctx context.Context, rounds string) error {
	n, err := strconv.Atoi(rounds)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "snatctl-bench-")
	if err != nil {
		return err
	}
	b := &bench{n: n, dir: dir, snatctl: "/job/snatctl"}
	r, err := b.removal(ctx, []string{guestLoader, "--library-path", "/" + guestLibraries, "/job/keepalived"})
	if err != nil {
		return err
	}
	return kernels.Tell(r)
}
