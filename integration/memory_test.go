package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
)

// A policy that the process has no memory for is refused with a message where that can be
// told beforehand. Where it cannot, as for standard input, the Go runtime ends the process with
// a status other than 0. In both cases the kernel is as it was.
func TestLittleMemory(t *testing.T) {
	h := startGateway(t, small)
	before := list(t, h)
	huge := filepath.Join(t.TempDir(), "huge.yaml")
	text := append(sample.Services(500, 2), bytes.Repeat([]byte("# 64 bytes of a comment that nobody reads, so that this is quick\n"), 300_000)...)
	must(t, os.WriteFile(huge, text, 0o644))
	limited := func(mb int, shell string) nstest.Result {
		return run(t, h, "prlimit", "--as="+strconv.Itoa(mb<<20), "sh", "-c", shell, program(t), huge)
	}
	for _, mb := range []int{100, 1000, 1800} {
		r := limited(mb, `"$0" apply -f "$1"`)
		switch {
		case r.Code == 0:
			t.Errorf("with %d MB a policy of 20 MB is applied", mb)
		case mb == 1800 && (r.Code != 1 || !strings.HasPrefix(r.Stderr, "snatctl: a policy of 18 MB needs about ") || !strings.HasSuffix(r.Stderr, "; nothing was changed\n")):
			t.Errorf("with %d MB apply exits %d and says %.300s", mb, r.Code, r.Stderr)
		}
		if list(t, h) != before {
			t.Fatalf("with %d MB the ruleset is another", mb)
		}
	}
	for _, mb := range []int{100, 1000, 1650} {
		r := limited(mb, `cat "$1" "$1" "$1" | head -c 33000000 | "$0" apply -f -`)
		if r.Code == 0 || list(t, h) != before {
			t.Fatalf("with %d MB and standard input apply exits %d: %.300s", mb, r.Code, r.Stderr)
		}
	}
	if r := limited(3000, `"$0" diff -f "$1"`); r.Code != 1 {
		t.Errorf("with 3,000 MB diff exits %d: %.300s", r.Code, r.Stderr)
	}
}
