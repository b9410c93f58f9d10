package keepalived

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// mostWeight is the largest weight of the language.
const mostWeight = 65535

// real is a real_server block, as it is written.
type real struct {
	*Statement
	addr    netip.Addr
	port    uint16 // 0: that of the virtual server
	weight  number
	method  *Statement // nil: that of the virtual server
	timers  timers
	inhibit *bool // nil: that of the virtual server
	host    string
	hosts   *Statement
	checks  []*Statement
	most    *Statement // uthreshold
	least   *Statement // lthreshold
}

// real reads a real_server block. It returns nil for one that is lost.
func (k *translator) real(v *virtual, s *Statement) *real {
	a, code := address(s.Word(1))
	port, ok := portOf(s.Word(2))
	if code == "" && (!ok || port != inet.AnyPort && !port.Single()) {
		code = "M207"
	}
	if code != "" {
		k.lose(code, "", s)
		return nil
	}
	k.block(s, 3)
	r := &real{Statement: s, addr: a, weight: number{n: -1}}
	if port != inet.AnyPort {
		r.port = port.First
	}
	for _, b := range s.Body {
		k.inReal(r, b)
	}
	return r
}

// inReal reads one statement of a real_server block.
func (k *translator) inReal(r *real, s *Statement) {
	if k.timer(s, &r.timers) {
		return
	}
	switch word := s.Word(0); {
	case word == "weight":
		// IPVS takes weights up to 2^31-1 (ipvsadm 1.31), the language up to 65535.
		if n, err := strconv.Atoi(s.Word(1)); err == nil && n > mostWeight && n < 1<<31 {
			r.weight = number{n, s}
			k.report("M228", "", s)
		} else if n, ok := k.count(s, 0, mostWeight); ok {
			r.weight = number{n, s}
		}
	case word == "inhibit_on_failure":
		on := truth(s)
		r.inhibit = &on
		k.whole(s, 2)
	case word == "lb_kind" || word == "lvs_method":
		r.method = s
	case word == "uthreshold":
		r.most = s
	case word == "lthreshold":
		r.least = s
	case word == "virtualhost":
		r.host, r.hosts = s.Word(1), s
	case word == "alpha":
		if truth(s) {
			k.report("M215", "", s)
		} else {
			k.whole(s, 2)
		}
	case checkers[word] || s.Block && strings.HasSuffix(word, "_CHECK"):
		r.checks = append(r.checks, s)
	default:
		k.inAny(s)
	}
}

// checkers are the blocks that check real servers.
var checkers = map[string]bool{"HTTP_GET": true, "SSL_GET": true, "TCP_CHECK": true, "SMTP_CHECK": true, "DNS_CHECK": true, "MISC_CHECK": true,
	"UDP_CHECK": true, "PING_CHECK": true, "FILE_CHECK": true, "BFD_CHECK": true}
