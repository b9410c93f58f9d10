package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/snatctl/snatctl/policy/lint"
)

// unitDirs are where systemd looks for units of the system (systemd.unit(5)).
var unitDirs = [...]string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// units reads the state of units that flush rulesets from systemd's files, so that it is told
// where systemd does not run, too: what another unit wants is enabled (systemctl(1)), and what
// has an invocation is active.
func units(h *lint.Host, root string) error {
	root = filepath.Join("/", root)
	h.Units = []lint.Unit{}
	for _, name := range []string{"nftables.service", "firewalld.service"} {
		u := lint.Unit{Name: name}
		there := false
		for _, dir := range unitDirs {
			dir = filepath.Join(root, dir)
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				there = true
			} else if !errors.Is(err, fs.ErrNotExist) {
				h.Units = nil
				return fmt.Errorf("look for units: %w", err)
			}
			for _, by := range []string{"wants", "requires"} {
				links, _ := filepath.Glob(filepath.Join(dir, "*."+by, name))
				u.Enabled = u.Enabled || len(links) > 0
			}
		}
		_, err := os.Lstat(filepath.Join(root, "run/systemd/units/invocation:"+name)) // a link that leads nowhere
		u.Active = err == nil
		if there || u.Enabled || u.Active {
			h.Units = append(h.Units, u)
			h.FirewalldFlushes = h.FirewalldFlushes || name == "firewalld.service" && flushesOnReload(root)
		}
	}
	return nil
}

// flushesOnReload tells what firewalld does, which does it unless it is told not to
// (firewalld.conf(5)).
func flushesOnReload(root string) bool {
	text, _ := os.ReadFile(filepath.Join(root, "etc/firewalld/firewalld.conf"))
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, "=")
		if strings.TrimSpace(key) == "FlushAllOnReload" {
			return !strings.EqualFold(strings.TrimSpace(value), "no") && !strings.EqualFold(strings.TrimSpace(value), "false")
		}
	}
	return true
}
