package keepalived

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// strength orders the types of checks by how much they say of a service: of several checks of a
// real server the strongest is kept.
var strength = []policy.CheckType{policy.CheckHTTPS, policy.CheckHTTP, policy.CheckSMTP, policy.CheckDNS, policy.CheckExec, policy.CheckTCP, policy.CheckUDP, policy.CheckICMP}

// choose returns the one health check of a service: the strongest check of each real server, and
// if these differ, the one that most of them have. All others are reported. It is nil where there is none.
func (k *translator) choose(v *virtual, probes map[*real][]*probe) *translate.Check {
	kept := make(map[*real]*probe)
	for _, r := range v.servers {
		for _, p := range probes[r] {
			if p.lost {
				continue
			}
			if best := kept[r]; best == nil || rank(p) < rank(best) {
				kept[r] = p
			}
		}
		for _, p := range probes[r] {
			if p != kept[r] && !p.lost {
				k.lose("M252", "", p.Statement)
			}
		}
	}
	if len(kept) == 0 {
		return nil
	}
	port := samePort(v, kept)
	counts := make(map[string]int)
	byKey := make(map[*real]string)
	for _, r := range v.servers {
		if p := kept[r]; p != nil {
			p.check.Port = 0
			if !port {
				p.check.Port = uint16(p.port)
			}
			p.general()
			byKey[r] = fmt.Sprintf("%#v", p.check)
			counts[byKey[r]]++
		}
	}
	var best *probe
	most := 0
	for _, r := range v.servers {
		if p := kept[r]; p != nil && counts[byKey[r]] > most {
			best, most = p, counts[byKey[r]]
		}
	}
	for _, r := range v.servers {
		if p := kept[r]; p != nil && p.path != nil && byKey[r] == byKey[best.of] {
			k.Note(p.path.At, "M239", p.path.Text, "")
		}
		switch p := kept[r]; {
		case p == nil:
			more := ""
			if len(r.checks) > 0 {
				more = "it is checked like the others: nothing stands for its own check"
			}
			k.Note(r.At, "M253", r.Text, more)
		case byKey[r] != byKey[best.of]:
			more := "it is left out: a service has one health check, that of line " + strconv.Itoa(best.At.Line)
			k.lose("M254", more, p.Statement)
			for _, s := range r.Body {
				if timerWords[s.Word(0)] {
					k.report("M254", more, s)
				}
			}
		case p.late != best.late:
			k.Note(p.At, cmp.Or(p.when, "M254"), p.Text, cmp.Or(p.late, "the times are those of line "+strconv.Itoa(best.At.Line)))
		}
	}
	if best.late != "" {
		k.Note(best.At, best.when, best.Text, best.late)
	}
	return &translate.Check{HealthCheck: best.check, Origin: translate.Origin{Place: best.At, Text: best.Text}}
}

func rank(p *probe) int { return slices.Index(strength, p.check.Type) }

// samePort tells whether every check asks at the port that its server has anyway.
func samePort(v *virtual, kept map[*real]*probe) bool {
	for r, p := range kept {
		own := r.port
		if own == 0 && len(v.at) > 0 && v.at[0].ports.Single() {
			own = v.at[0].ports.First
		}
		if p.port != 0 && p.port != int(own) {
			return false
		}
	}
	return true
}

// general makes a command that names its own server one for all servers: the agent says in the
// environment which server it is about.
func (p *probe) general() {
	c := p.check.Command
	addr, port := p.of.addr.String(), strconv.Itoa(int(p.of.port))
	if len(c) < 2 || !slices.Contains(c[1:], addr) && !slices.Contains(c[1:], addr+":"+port) {
		return
	}
	var b strings.Builder
	b.WriteString("exec")
	for _, word := range c {
		switch word {
		case addr:
			b.WriteString(` "$SNATCTL_ADDRESS"`)
		case addr + ":" + port:
			b.WriteString(` "$SNATCTL_ADDRESS:$SNATCTL_PORT"`)
		case port:
			b.WriteString(` "$SNATCTL_PORT"`)
		default:
			b.WriteString(" '" + strings.ReplaceAll(word, "'", `'\''`) + "'")
		}
	}
	p.check.Command = []string{"/bin/sh", "-c", b.String()}
}
