package keepalived

import (
	"slices"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// callers gives a service the sources that may call it.
func (k *translator) callers(v *virtual, svc *translate.Service) {
	take := func(s *Statement, into *[]inet.Range) {
		if s == nil {
			return
		}
		l := k.lists[s.Word(1)]
		k.use("list", s.Word(1))
		if l == nil || len(l.ranges) == 0 && !l.empty {
			k.report("M222", "", s)
			return
		}
		*into = l.ranges
		k.whole(s, 2)
	}
	take(v.deny, &svc.Deny)
	take(v.allow, &svc.Allow)
}

// virtualhosts accounts for the names that web checks have by way of servers.
func (k *translator) virtualhosts(v *virtual) {
	web := func(r *real) bool {
		return slices.ContainsFunc(r.checks, func(s *Statement) bool { return s.Word(0) == "HTTP_GET" || s.Word(0) == "SSL_GET" })
	}
	say := func(s *Statement, used bool) {
		if s == nil {
			return
		}
		if used {
			k.whole(s, 2)
		} else {
			k.report("M246", "", s)
		}
	}
	say(v.hosts, slices.ContainsFunc(v.servers, func(r *real) bool { return r.hosts == nil && web(r) }))
	for _, r := range v.servers {
		say(r.hosts, web(r))
	}
}

// scheduler gives a service its scheduler. Flags matter where they change where packets go.
func (k *translator) scheduler(v *virtual, svc *translate.Service) {
	name := "wlc" // check_data.c: IPVS_DEF_SCHED
	if v.sched != nil {
		name = v.sched.Word(1)
	}
	scheduler, code := translate.Scheduler(name)
	svc.Scheduler = scheduler
	switch {
	case v.sched == nil:
		k.Note(v.At, "M247", v.Text, "")
	case code == "":
		k.whole(v.sched, 2)
	default:
		k.report(code, "", v.sched)
	}
	if name == "fo" {
		svc.Failover()
	}
	if svc.Level() {
		for _, r := range v.servers {
			if r.weight.from != nil && r.weight.n > 1 {
				k.report("M019", "", r.weight.from)
			}
		}
	}
	for _, f := range v.flags {
		switch flag := f.Word(0); {
		case flag == "ops" && (v.proto == inet.UDP || v.mark != ""):
			k.report("M034", "", f)
		case (flag == "sh-port" || flag == "flag-2") && name == "sh", (flag == "mh-port" || flag == "flag-2") && name == "mh":
			k.report("M017", "", f)
		case (flag == "sh-fallback" || flag == "flag-1") && name == "sh", (flag == "mh-fallback" || flag == "flag-1") && name == "mh":
			k.whole(f, 1)
		default:
			k.report("M018", "", f)
		}
	}
}

// persistence gives a service its persistence. IPVS wants one for every port (port 0), and
// keepalived then sets 6 minutes for all that the virtual server has (check_data.c).
func (k *translator) persistence(v *virtual, svc *translate.Service) {
	timeout := time.Duration(0)
	if v.persist != nil {
		n := 360
		if v.persist.Word(1) != "" {
			var ok bool
			if n, ok = k.count(v.persist, 0, 1<<31); !ok {
				n = 0
			}
		}
		k.whole(v.persist, 2)
		timeout = time.Duration(n) * time.Second
	}
	if timeout == 0 && slices.ContainsFunc(v.at, func(e endpoint) bool { return e.ports == inet.AnyPort }) {
		timeout = 360 * time.Second
	}
	p := policy.DefaultPersistence()
	p.Timeout = timeout
	if v.mask != nil {
		bits, ok := maskBits(v.mask.Word(1))
		switch {
		case timeout == 0:
			k.report("M018", "it is left out: it does nothing without persistence", v.mask)
		case !ok:
			k.report("M020", "", v.mask)
		case v.family() == inet.V4 && bits <= 32 && bits > 0:
			p.Mask4 = bits
			k.whole(v.mask, 2)
		case v.family() == inet.V6 && bits > 0:
			p.Mask6 = bits
			k.whole(v.mask, 2)
		default:
			k.report("M020", "", v.mask)
		}
	}
	if timeout > 0 {
		svc.Persistence = p
	}
}
