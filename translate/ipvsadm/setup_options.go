package ipvsadm

import (
	"strings"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// bare is the timeout of -p without a number (ipvsadm.c; its man page says 300).
const bare = "360"

// options carries the options of a service over.
func (t *table) options(v *service, out *translate.Service) {
	t.scheduler(v, out)
	for i := range v.options {
		g := &v.options[i]
		switch g.name {
		case "scheduler", "sched-flags":
		case "persistent":
			t.persistence(v, g, out)
		case "netmask":
			if v.find("persistent") == nil {
				t.ledger.Whole(g.words...)
			}
		case "pe":
			t.say(&v.origin, "M021", "", g.words...)
		case "ops":
			t.say(&v.origin, "M034", "", g.words...)
		case "synproxy":
			if g.value == "disable" {
				t.ledger.Whole(g.words...)
			} else {
				t.say(&v.origin, out.Proxy(), "", g.words...)
			}
		case "vsestablish-timeout", "conn-timeout":
			t.lasts(v, g, out)
		case "proxy-protocol":
			t.unless(v, g, "M116", "disable")
		case "dest-check":
			t.unless(v, g, "M118", "disable", "default")
		case "hash-target":
			t.unless(v, g, "M117", "sip")
		case "numeric", "ipv6", "cpu", "expire-quiescent":
			t.say(&v.origin, "M108", "", g.words...)
		case "quic":
			t.say(&v.origin, "M117", "", g.words...)
		default:
			t.say(&v.origin, "M115", "", g.words...)
		}
	}
}

// lasts carries the timeout of open connections over.
func (t *table) lasts(v *service, g *given, out *translate.Service) {
	n, err := parseNumber("the timeout", g.value, 0, translate.MostTimeout)
	switch {
	case err != nil:
		t.problemOf(&v.Origin, err, "")
	case n == 0 || out.Last(n):
		t.ledger.Whole(g.words...)
	default:
		t.say(&v.origin, "M051", "", g.words...)
	}
}

// unless reports an option, unless its value says that it is off.
func (t *table) unless(v *service, g *given, code string, off ...string) {
	for _, word := range off {
		if g.value == word {
			t.ledger.Whole(g.words...)
			return
		}
	}
	t.say(&v.origin, code, "", g.words...)
}

// scheduler carries the scheduler and its flags over. Without -s it is wlc.
func (t *table) scheduler(v *service, out *translate.Service) {
	name := v.value("scheduler", "wlc")
	scheduler, code := translate.Scheduler(name)
	out.Scheduler = scheduler
	switch g := v.find("scheduler"); {
	case g != nil && code == "":
		t.ledger.Whole(g.words...)
	case g != nil:
		t.say(&v.origin, code, "", g.words...)
	default:
		t.ledger.Note(v.Place, code, "without -s: wlc", "")
	}
	if name == "fo" {
		out.Failover()
	}
	g := v.find("sched-flags")
	if g == nil {
		return
	}
	code = ""
	for flag := range strings.SplitSeq(g.value, ",") {
		port := flag == "sh-port" || flag == "mh-port" || flag == "flag-2"
		known := port || flag == "sh-fallback" || flag == "mh-fallback" || flag == "flag-1"
		switch hashes := name == "sh" || name == "mh"; {
		case hashes && port:
			code = "M017"
		case (!hashes || !known) && code == "":
			code = "M018"
		}
	}
	if code == "" {
		t.ledger.Whole(g.words...)
		return
	}
	t.say(&v.origin, code, "", g.words...)
}

// persistence carries -p and -M over.
func (t *table) persistence(v *service, g *given, out *translate.Service) {
	value := g.value
	if value == "" {
		value = bare
	}
	seconds, err := parseNumber("the timeout", value, 1, translate.MostTimeout)
	if err != nil {
		t.problemOf(&v.Origin, err, "")
		return
	}
	p := policy.DefaultPersistence()
	p.Timeout = time.Duration(seconds) * time.Second
	t.ledger.Whole(g.words...)
	if m := v.find("netmask"); m != nil {
		t.granularity(v, m, &p)
	}
	out.Persistence = p
}

// granularity carries -M over: a dotted mask, or the length of a prefix of IPv6.
func (t *table) granularity(v *service, g *given, p *policy.Persistence) {
	if v.family() == inet.V6 {
		bits, err := parseNumber("the mask", g.value, 1, 128)
		if err != nil {
			t.problemOf(&v.Origin, err, "")
			return
		}
		p.Mask6 = bits
		t.ledger.Whole(g.words...)
		return
	}
	m, err := parseMask(g.value)
	if err != nil {
		t.problemOf(&v.Origin, err, "")
		return
	}
	bits, prefix := m.bits()
	if !prefix || bits == 0 {
		t.say(&v.origin, "M020", "", g.words...)
		return
	}
	p.Mask4 = bits
	t.ledger.Whole(g.words...)
}
