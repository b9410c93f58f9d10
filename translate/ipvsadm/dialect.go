package ipvsadm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/translate"
)

// evidence is what a line tells about the dialect of its file.
type evidence struct {
	line int
	what string
	of   []translate.Dialect // it is one of these
}

// scanned is a call as far as it can be read without knowing the dialect.
type scanned struct {
	verb  string            // the letter or long name of its first argument
	flags map[string]string // letters and long names, with what stands behind them
}

// scan reads a call without a dialect.
func scan(c *call) scanned {
	s := scanned{flags: make(map[string]string)}
	for i, a := range c.args {
		behind := ""
		if i+1 < len(c.args) {
			behind = c.args[i+1].text
		}
		switch {
		case strings.HasPrefix(a.text, "--"):
			name, val, glued := strings.Cut(a.text[2:], "=")
			if glued {
				behind = val
			}
			name = spelled(name)
			s.flags[name] = behind
			if i == 0 {
				s.verb = name
			}
		case strings.HasPrefix(a.text, "-") && len(a.text) > 1:
			letters := a.text[1:]
			if i == 0 {
				s.verb = letters[:1]
			}
			s.flags[letters[:1]] = behind
			if len(letters) == 2 && i == 0 {
				s.flags[letters[1:]] = behind
			} else if len(letters) > 1 && i > 0 {
				s.flags[letters[:1]] = letters[1:]
			}
		case a.text == "(null)":
			s.flags["(null)"] = ""
		}
	}
	return s
}

// is tells whether the verb is one of some.
func (s *scanned) is(verbs ...string) bool { return slices.Contains(verbs, s.verb) }

// has tells whether one of some flags is given.
func (s *scanned) has(flags ...string) bool {
	return slices.ContainsFunc(flags, func(f string) bool { _, ok := s.flags[f]; return ok })
}

// service is the address that a call is about.
func (s *scanned) service() string {
	for _, f := range []string{"t", "u", "tcp-service", "udp-service"} {
		if v := s.flags[f]; v != "" {
			return v
		}
	}
	return ""
}

// The dialects that an observation may leave.
var (
	v2Forks = []translate.Dialect{translate.AlibabaV2, translate.DSNAT, translate.LVSSNAT, translate.LVSSNATv2}
	byLaddr = []translate.Dialect{translate.AlibabaV2, translate.AlibabaV3, translate.LVSSNAT, translate.LVSSNATv2}
	onlyDS  = []translate.Dialect{translate.DSNAT}
)

// observe returns all that a call tells about its dialect.
func observe(c *call) (out []evidence) {
	s := scan(c)
	see := func(what string, of ...translate.Dialect) { out = append(out, evidence{c.line, what, of}) }
	switch {
	case s.has("zone") && s.is("P", "Q", "add-laddr", "del-laddr"):
		see("-P with --zone", onlyDS...)
	case s.has("zone") && s.is("U", "W", "add-laddr-zone", "del-laddr-zone"):
		see("-U with --zone", onlyL1...)
	case s.has("zone"):
		see("--zone", zoned...)
	case s.is("K", "k", "H", "add-snat", "edit-snat", "delete-snat") || s.has("snat-ip", "new-gw"):
		see("snat rules (-"+s.verb+")", onlyL2...)
	case s.flags["s"] == "snat_sched" || s.flags["scheduler"] == "snat_sched":
		see("scheduler snat_sched", onlyL2...)
	case s.has("match") || strings.Contains(s.flags["H"], "="):
		see("-H with conditions", onlyDP...)
	case s.is("U", "V", "O", "Y", "B", "W") && s.has("k", "2", "blklst", "whtlst"), s.has("blklst", "whtlst"):
		see("black and white lists", onlyDP...)
	case s.is("P", "Q", "add-laddr", "del-laddr") && s.has("F", "ifname"):
		see("-P with -F", onlyDP...)
	case s.is("P", "Q", "add-laddr", "del-laddr") && isZero(s.service()):
		see("-P of service 0.0.0.0:0", zoned...)
	case s.is("P", "Q", "add-laddr", "del-laddr"):
		see("-P of a service", byLaddr...)
	}
	if s.has("(null)") {
		see("(null) for FULLNAT", v2Forks...)
	}
	if s.has("J", "snat") && !s.is("J") {
		see("-J", onlyDP...)
	}
	if flags, ok := s.flags["b"]; ok && s.verb != "b" {
		if strings.HasPrefix(flags, "flag-") || strings.HasPrefix(flags, "sh-") || strings.HasPrefix(flags, "mh-") {
			see("-b "+flags, plain...)
		} else {
			see("-b for FULLNAT", fork...)
		}
	}
	if s.is("A", "E", "add-service", "edit-service") && s.has("V", "vsestablish-timeout") {
		see("-V of a service", onlyA3...)
	}
	if s.has("j", "synproxy") {
		see("-j", fork...)
	}
	if isZero(s.service()) && s.is("a", "add-server") && (s.flags["r"] == "1.0.0.1:1" || s.flags["r"] == "1.0.0.1:tcpmux") {
		see("the real server 1.0.0.1:1 of 0.0.0.0:0", zoned...)
	}
	for f := range s.flags {
		if o := byName("", f); o != nil && len(f) > 1 && len(o.of) > 0 && byNames(f) == 1 && !slices.Contains([]string{"zone", "blklst", "whtlst", "match", "synproxy", "vsestablish-timeout", "snat-ip", "new-gw", "add-laddr", "del-laddr", "snat"}, f) {
			see("--"+f, o.of...)
		}
	}
	slices.SortStableFunc(out, func(a, b evidence) int { return strings.Compare(a.what, b.what) })
	return out
}

// byNames returns how many options have a long name.
func byNames(name string) (n int) {
	for i := range options {
		if options[i].name == name {
			n++
		}
	}
	return n
}

// isZero tells whether a service is 0.0.0.0:0.
func isZero(service string) bool { return service == "0.0.0.0:0" || service == "0.0.0.0" }

// tell finds out the dialect of a file: the first that all of it allows. By says what told it.
func tell(file string, calls []*call) (d translate.Dialect, by string, err error) {
	left := translate.Dialects()
	by = "nothing in the file is of another dialect"
	var seen []evidence // that left fewer
	for _, c := range calls {
		for _, e := range observe(c) {
			next := slices.DeleteFunc(slices.Clone(left), func(d translate.Dialect) bool { return !slices.Contains(e.of, d) })
			if len(next) == 0 {
				return "", "", contradiction(file, append(seen, e))
			}
			if len(next) < len(left) {
				left = next
				seen = append(seen, e)
				by = fmt.Sprintf("line %d has %s", e.line, e.what)
			}
		}
	}
	return left[0], by, nil
}

// contradiction is the error of a file that is in no dialect.
func contradiction(file string, seen []evidence) error {
	last := seen[len(seen)-1]
	other := seen[0]
	for _, e := range seen {
		if !slices.ContainsFunc(e.of, func(d translate.Dialect) bool { return slices.Contains(last.of, d) }) {
			other = e
			break
		}
	}
	return translate.Unreadable{{
		Place: translate.Place{File: file, Line: last.line},
		Msg:   fmt.Sprintf("%s is of %s, but line %d has %s, which is of %s", last.what, names(last.of), other.line, other.what, names(other.of)),
		Hint:  "name the dialect with --dialect, if the file is in one",
	}}
}

// names joins the names of dialects.
func names(ds []translate.Dialect) string {
	texts := make([]string, len(ds))
	for i, d := range ds {
		texts[i] = string(d)
	}
	return strings.Join(texts, ", ")
}
