// Bench measures snatctl against what it must beat: `nft -f` of the same table, the kernel's
// own work, and a rule written by hand. Contenders take turns in one run; the table at the
// end holds medians and ratios beside the numbers that are required.
//
// It runs as root and changes nothing outside: everything happens in network namespaces
// that vanish with the process, however it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
)

func main() {
	lab.Main()
	if len(os.Args) > 2 && os.Args[1] == libraryWord {
		runLibrary(os.Args[2:])
		return
	}
	if len(os.Args) > 2 && os.Args[1] == guestWord {
		if err := runGuest(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	bin := flag.String("snatctl", "", "the `binary` to measure (default: bin/snatctl, ./snatctl, or the one in PATH)")
	rounds := flag.Int("n", 5, "rounds: how often each pair of contenders is measured")
	quick := flag.Bool("quick", false, "smaller policies and two rounds, in under 30 s; the required numbers are for the full sizes")
	only := flag.String("only", "", "comma-separated `parts` to run: "+lab.Names(parts, part.called)+" (default: all but "+lab.Names(slowParts(), part.called)+", which take minutes)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, *bin, *only, *rounds, *quick)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\nbench: interrupted; nothing is left behind")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures the parts asked for and prints the table. A missed number is no error.
func run(ctx context.Context, bin, only string, rounds int, quick bool) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root, to make network namespaces")
	}
	b := &bench{n: rounds, size: full}
	if quick {
		b.n, b.size = min(rounds, 2), small
	}
	var err error
	if b.snatctl, err = nstest.Program(bin); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "snatctl-bench-"); err != nil {
		return err
	}
	os.Setenv("STATE_DIRECTORY", filepath.Join(b.dir, "state")) // not the history of this machine
	defer os.RemoveAll(b.dir)
	chosen, err := lab.Choose("part", parts, part.called, only)
	if err != nil {
		return err
	}
	if only == "" {
		chosen = slices.DeleteFunc(slices.Clone(parts), part.isSlow)
	}
	start, load := time.Now(), lab.Machine()
	for _, p := range chosen {
		b.say("%s", p.what)
		if err := p.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	b.say("done in %s", time.Since(start).Round(time.Second))
	b.print(os.Stdout, quick)
	fmt.Println(load)
	return nil
}
