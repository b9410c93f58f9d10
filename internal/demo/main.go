// Demo shows snatctl at work to somebody who has never seen it: a policy, what it would
// change, real packets before and after a change, and a transfer that does not notice.
// With -fleet it shows three gateways that share one policy. Everything happens in network namespaces that
// vanish with the process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// showing is one of the two demos.
type showing interface {
	run(context.Context) error
	cleanUp()
	summary() bool // says what was proved, and tells whether all of it was
}

func main() {
	bin := flag.String("snatctl", "", "the `binary` to show (default: bin/snatctl, ./snatctl, or the one in PATH)")
	policy := flag.String("policy", "examples/policy.yaml", "the example `file` that the demo is written for")
	many := flag.Bool("fleet", false, "show three gateways with one policy, from etcd")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	limit := time.Minute
	if *many {
		limit = 4 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	program, err := nstest.Program(*bin)
	var d showing = &demo{score: &score{screen: newScreen(os.Stdout)}, snatctl: program, policyFile: *policy}
	if *many {
		d = &gateways{score: &score{screen: newScreen(os.Stdout)}, snatctl: program}
	}
	if err == nil {
		err = d.run(ctx)
	}
	d.cleanUp()
	switch {
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		fmt.Fprintf(os.Stderr, "demo: took more than %v, given up; nothing is left behind\n", limit)
		os.Exit(1)
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\ndemo: interrupted; nothing is left behind")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	case !d.summary():
		os.Exit(1)
	}
}
