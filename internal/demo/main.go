// Demo shows snatctl at work to somebody who has never seen it: a policy, what it would
// change, real packets before and after a change, and a transfer that does not notice.
// Everything happens in network namespaces that vanish with the process.
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

func main() {
	bin := flag.String("snatctl", "", "the `binary` to show (default: bin/snatctl, ./snatctl, or the one in PATH)")
	policy := flag.String("policy", "examples/policy.yaml", "the example `file` that the demo is written for")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	d := &demo{screen: newScreen(os.Stdout), policyFile: *policy}
	var err error
	if d.snatctl, err = nstest.Program(*bin); err == nil {
		err = d.run(ctx)
	}
	d.cleanUp()
	switch {
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		fmt.Fprintln(os.Stderr, "demo: took more than a minute, given up; nothing is left behind")
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
