package main

import (
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/snatctl/snatctl/internal/kernels"
)

// packages are those whose tests need a kernel.
var packages = []string{"nft/nftlink", "ct/ctlink", "route/routelink", "toa/toalink", "cmd/snatctl", "integration"}

// quick are tests of these that touch what kernels differ in: every statement and map that
// there is, acknowledgements and refusals, and packets of each kind of service and zone.
const quick = "TestRefusedObjects|TestOutgrown|TestStaleGeneration|TestUnchangedSendsNothing|" +
	"TestDelete$|TestDeleteInZone|TestFlowsAreConntracks|TestEventsAreConntracks|TestStats|TestKernelScript|" +
	"TestOracle/testdata/valid|TestApplyTwice|TestServiceModes|TestServiceSCTP|" +
	"TestZonesFirstMatch|TestZoneActions|TestPersistence|TestCleanupRemovedServer|TestFlowtable|TestOffload$|TestOffloadCleanup|TestAddressesModes|TestConfirm$|TestConfirmTimeout|TestConfirmRefused|TestApplyAndRead|TestWays$|TestSynProxy|TestBytes|TestPackets$|TestClientAddress$"

// lacks takes modules away; it comes first, while none of them is in use.
//
//go:embed lacks.sh
var lacks string

// build compiles the tests and makes a job of them: the tree without its Go files, and a
// command for each package.
func build(ctx context.Context, dir string, o options) (kernels.Job, error) {
	job := kernels.Job{
		Files: map[string]string{"src": ".", "job/snatctl": filepath.Join(dir, "snatctl")},
		Skip:  notTestdata,
		// nf_tables asks crypto for crc32c before anything would load it (seen on 6.1), and /dev/net/tun is
		// there once tun is.
		Modules: []string{"crc32c_generic", "nf_tables", "tun"},
	}
	job.Modules = append(job.Modules, o.modules...)
	if err := compile(ctx, "build", "-o", filepath.Join(dir, "snatctl"), "./cmd/snatctl"); err != nil {
		return job, err
	}
	if len(o.program) > 0 {
		job.Commands = []kernels.Command{{Args: o.program, Dir: "src"}}
		return job, nil
	}
	if o.run == "" {
		job.Commands = []kernels.Command{{Args: []string{"sh", "-c", lacks}}}
	}
	for _, pkg := range packages {
		if _, err := os.Stat(pkg); err != nil {
			continue // of a later version
		}
		name := path.Base(pkg) + ".test"
		if err := compile(ctx, "test", "-c", "-o", filepath.Join(dir, name), "./"+pkg); err != nil {
			return job, err
		}
		job.Files["job/"+name] = filepath.Join(dir, name)
		args := []string{"/job/" + name, "-test.v", "-test.timeout=" + o.limit.String()}
		if o.run != "" {
			args = append(args, "-test.run="+o.run)
		} else if o.quick {
			args = append(args, "-test.run="+quick)
		}
		if o.skip != "" {
			args = append(args, "-test.skip="+o.skip)
		}
		job.Commands = append(job.Commands, kernels.Command{
			Args: args, Dir: "src/" + pkg, Env: []string{"SNATCTL_BIN=/job/snatctl", "SNATCTL_REQUIRE_NETNS=1"},
		})
	}
	return job, nil
}

// compile runs the go command for programs that need no library of the guest's.
func compile(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func notTestdata(rel string, d fs.DirEntry) bool {
	return strings.HasPrefix(rel, ".") || rel == "bin" || rel == "docs" || strings.HasSuffix(rel, ".go")
}
