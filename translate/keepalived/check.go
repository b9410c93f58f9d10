package keepalived

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// probe is one checker of one real server, in the words of the policy.
type probe struct {
	*Statement
	check policy.HealthCheck
	of    *real
	path  *Statement // misc_path of MISC_CHECK; nil: another check
	port  int        // connect_port; 0: the real server's
	lost  bool       // nothing in the policy asks like it
	when  string     // the code of what is to be said of its times; empty: nothing
	late  string     // that
}

// timing are what keepalived takes where nothing is written (check_data.c, check_*.c of 2.2.7).
func timing(checker string) (t timers) {
	t.loop, t.connect, t.before, t.retry = 60*time.Second, 5*time.Second, time.Second, 1
	switch checker {
	case "HTTP_GET", "SSL_GET":
		t.before = 3 * time.Second
	case "DNS_CHECK":
		t.before, t.retry = 0, 3
	case "MISC_CHECK":
		t.retry = 0
	}
	return t
}

// probe reads a checker. Its timers are those of the real server where it has none itself.
func (k *translator) probe(v *virtual, r *real, s *Statement) *probe {
	p := &probe{Statement: s, of: r}
	k.block(s, 1)
	typ, known := map[string]policy.CheckType{"TCP_CHECK": policy.CheckTCP, "HTTP_GET": policy.CheckHTTP, "SSL_GET": policy.CheckHTTPS, "SMTP_CHECK": policy.CheckSMTP,
		"DNS_CHECK": policy.CheckDNS, "MISC_CHECK": policy.CheckExec, "UDP_CHECK": policy.CheckUDP, "PING_CHECK": policy.CheckICMP}[s.Word(0)]
	if !known {
		k.lose("M231", "", s)
		p.lost = true
		return p
	}
	p.check = policy.DefaultHealthCheck(typ)
	if typ == policy.CheckDNS {
		p.check.Record, p.check.Query = "SOA", "."
	}
	if typ == policy.CheckHTTP || typ == policy.CheckHTTPS {
		p.check.Status = []policy.StatusRange{{First: 200, Last: 299}}
		if k.dialect != translate.IPVS { // the forks look at the status only where it is written
			p.check.Status = []policy.StatusRange{{First: 100, Last: 599}}
		}
		p.check.Host = r.host
		if p.check.Host == "" {
			p.check.Host = v.host
		}
	}
	var own timers
	urls := 0
	for _, b := range s.Body {
		if k.timer(b, &own) {
			continue
		}
		switch word := b.Word(0); {
		case word == "connect_port":
			p.port, _ = k.count(b, 1, 65535)
		case word == "connect_ip":
			k.connectIP(p, b)
		case word == "bindto" || word == "bind_if" || word == "bind_port" || word == "fwmark":
			k.report("M232", "", b)
		case word == "alpha":
			if truth(b) {
				k.report("M215", "", b)
			} else {
				k.whole(b, 2)
			}
		case word == "url" && b.Block:
			if urls++; urls > 1 {
				k.lose("M233", "", b)
			} else {
				k.url(p, b)
			}
		default:
			k.inCheck(p, b)
		}
	}
	if typ == policy.CheckExec && len(p.check.Command) == 0 || (typ == policy.CheckHTTP || typ == policy.CheckHTTPS) && urls == 0 {
		k.lose("M234", "", s)
		p.lost = true
	}
	k.time(p, own, r.timers, v.timers)
	return p
}

// time gives a check its times.
func (k *translator) time(p *probe, own, server, service timers) {
	t := own
	t.inherit(server)
	t.inherit(service)
	usual := timing(p.Word(0))
	usual.has = struct{ loop, connect, before, warmup, retry bool }{true, true, true, false, true}
	t.inherit(usual)
	c := &p.check
	c.Interval, c.Rise, c.Fall = t.loop, 1, t.retry+1
	if c.Type != policy.CheckExec {
		c.Timeout = t.connect
	} else if !p.timed() {
		c.Timeout = t.loop // check_misc.c: misc_timeout is delay_loop
	}
	c.Interval = max(c.Interval, 10*time.Millisecond)
	c.Timeout = max(c.Timeout, 10*time.Millisecond)
	c.Fall = min(c.Fall, 1000)
	before := t.before
	if before == 0 {
		before = t.loop
	}
	if t.retry == 0 || before == c.Interval {
		return
	}
	// A silent server takes longest: each of its checks lasts as long as it may.
	is, was := time.Duration(c.Fall)*c.Interval+c.Timeout, c.Interval+time.Duration(t.retry)*(before+c.Timeout)+c.Timeout
	p.when, p.late = "M264", fmt.Sprintf("the next check comes after interval: a dead server is out after %s at most; in keepalived, after %s", is, was)
	if is > was {
		p.when = "M230"
		p.late += ", with interval " + max((was-c.Timeout)/time.Duration(c.Fall), 10*time.Millisecond).Round(100*time.Millisecond).String() + " here, too"
	}
}

// timed tells whether a MISC_CHECK has a misc_timeout.
func (p *probe) timed() bool {
	return slices.ContainsFunc(p.Body, func(s *Statement) bool { return s.Word(0) == "misc_timeout" })
}

// connectIP reads whom a check asks. Health checks ask the real server itself.
func (k *translator) connectIP(p *probe, s *Statement) {
	a, code := address(s.Word(1))
	if code == "" && a == p.of.addr {
		k.whole(s, 2)
		return
	}
	k.report("M235", "", s)
}

// inCheck reads a statement that only some types of checkers have.
func (k *translator) inCheck(p *probe, s *Statement) {
	c := &p.check
	web := c.Type == policy.CheckHTTP || c.Type == policy.CheckHTTPS
	switch word := s.Word(0); {
	case c.Type == policy.CheckSMTP && word == "helo_name":
		c.Host = s.Word(1)
		k.whole(s, 2)
	case c.Type == policy.CheckSMTP && word == "host":
		k.smtpHost(p, s)
	case c.Type == policy.CheckDNS && word == "name":
		c.Query = s.Word(1)
		k.whole(s, 2)
	case c.Type == policy.CheckDNS && word == "type":
		c.Record = strings.ToUpper(s.Word(1))
		k.whole(s, 2)
	case c.Type == policy.CheckExec:
		k.inMisc(p, s)
	case c.Type == policy.CheckUDP:
		k.inUDP(p, s)
	case web && word == "virtualhost":
		c.Host = s.Word(1)
		k.whole(s, 2)
	case web && (word == "http_protocol" || word == "enable_sni" || word == "tls_compliant" || word == "fast_recovery"):
		k.report("M236", "", s)
	case web && word == "sni_name":
		c.SNI = s.Word(1)
		k.whole(s, 2)
	case word == "log_all_failures":
		k.report("M214", "", s)
	default:
		k.lose(translate.Unknown, "", s)
	}
}

// smtpHost reads a host block of SMTP_CHECK: another address or port to ask.
func (k *translator) smtpHost(p *probe, s *Statement) {
	for _, b := range s.Body {
		if b.Word(0) == "connect_ip" && b.Word(1) != p.of.addr.String() {
			k.lose("M235", "", s)
			return
		}
	}
	k.block(s, 1)
	for _, b := range s.Body {
		switch b.Word(0) {
		case "connect_ip":
			k.whole(b, 2)
		case "connect_port":
			p.port, _ = k.count(b, 1, 65535)
		default:
			k.report("M232", "", b)
		}
	}
}
