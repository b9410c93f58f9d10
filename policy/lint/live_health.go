package lint

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/policy"
)

// liveHealthRules hold health checks against the machine that runs them.
func liveHealthRules() []Rule {
	return []Rule{{
		Code: "A10", Severity: policy.Warning, Live: true, live: badFiles,
		Needs: Needs{Facts: Files}, about: func(r *run) bool { return len(CheckFiles(r.Policy)) > 0 },
		Title: "A health check needs a file that cannot be used on this host.",
		Why: "If the program of an exec check does not exist or cannot be executed, or if there are no certificates in the file that `ca` names, the " +
			"agent cannot check. That is no fault of the real servers, so they keep the state that they have, and dead ones get connections.",
	}, {
		Code: "A11", Severity: policy.Warning, Live: true, live: unknownNames,
		Needs: Needs{Facts: Names}, about: func(r *run) bool { return len(CheckNames(r.Policy)) > 0 },
		Title: "A health check names a host that does not exist.",
		Why: "A check never looks the name up: it only sends it to the real server, which chooses the site or the certificate by it. But a name that " +
			"resolves to nothing is mostly mistyped, and then the check sees another site than clients do. If the name is known only elsewhere, say so " +
			"with an ignore.",
	}}
}

// File is what a machine knows about a file that a health check needs.
type File struct {
	Exists     bool // and is a file
	Executable bool
	PEM        bool // it has certificates
}

// CheckFiles returns the files that health checks of a policy need, sorted.
func CheckFiles(p *policy.Policy) (paths []string) {
	newRun(p).eachCheck(func(c *policy.HealthCheck, object, path string) {
		for _, f := range filesOf(c) {
			paths = append(paths, f.path)
		}
	})
	slices.Sort(paths)
	return slices.Compact(paths)
}

// needed is a file that a key of a check names.
type needed struct{ key, path string }

func filesOf(c *policy.HealthCheck) (out []needed) {
	if len(c.Command) > 0 {
		out = append(out, needed{"command", c.Command[0]})
	}
	if c.CA != "" {
		out = append(out, needed{"ca", c.CA})
	}
	return out
}

func badFiles(r *run, h Host) {
	if h.Files == nil {
		return
	}
	r.eachCheck(func(c *policy.HealthCheck, object, path string) {
		for _, f := range filesOf(c) {
			has, known := h.Files[f.path]
			what := ""
			switch {
			case !known:
			case !has.Exists:
				what = "there is no file " + f.path
			case f.key == "command" && !has.Executable:
				what = f.path + " cannot be executed"
			case f.key == "ca" && !has.PEM:
				what = f.path + " has no certificates"
			}
			if what != "" {
				r.find(c.At(f.key), object, "install it on this host, or correct the path", "%s%s: %s", path, f.key, what)
			}
		}
	})
}

// CheckNames returns the names of hosts that health checks of a policy send to real servers,
// sorted.
func CheckNames(p *policy.Policy) (names []string) {
	newRun(p).eachCheck(func(c *policy.HealthCheck, object, path string) {
		for _, key := range []string{"host", "sni"} {
			if name := nameIn(c, key); name != "" {
				names = append(names, name)
			}
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// nameIn returns the name that a key of a check for web sites has, without a port; empty where
// it is an address.
func nameIn(c *policy.HealthCheck, key string) string {
	text := map[string]string{"host": c.Host, "sni": c.SNI}[key]
	if c.Type == policy.CheckSMTP || !c.Has(key) {
		return ""
	}
	if _, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return ""
	}
	if _, err := netip.ParseAddrPort(text); err == nil {
		return ""
	}
	name, _, _ := strings.Cut(text, ":")
	return name
}

func unknownNames(r *run, h Host) {
	if h.Names == nil {
		return
	}
	r.eachCheck(func(c *policy.HealthCheck, object, path string) {
		for _, key := range []string{"host", "sni"} {
			name := nameIn(c, key)
			if exists, known := h.Names[name]; name != "" && known && !exists {
				r.find(c.At(key), object, "correct the name; if it is known only elsewhere, say so with an ignore",
					"%s%s: the name %s resolves to nothing", path, key, name)
			}
		}
	})
}
