package ipvsadm

import (
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/translate"
)

// titles are what begins the listings of services, and those of laddrs.
var titles = []string{"IP Virtual Server version", "VIP:VPORT", "NET/MASK"}

// isListing tells whether a line is the first of what `ipvsadm -L` prints.
func isListing(line string) bool {
	for _, head := range []string{"IP Virtual Server version", "Prot LocalAddress", "-> RemoteAddress", "TCP ", "UDP ", "SCTP ", "FWM ", "MATCH ", "VIP:VPORT", "NET/MASK"} {
		if strings.HasPrefix(line, head) {
			return true
		}
	}
	return false
}

// listing reads what `ipvsadm -Ln` and `ipvsadm -G` print, as calls that would make it so.
func (s *source) listing() ([]*call, error) {
	s.enter(nil)
	l := &lister{source: s, protos: make(map[string]string), zoneVerb: "--add-laddr"}
	if strings.Count(s.text, "NET/MASK") > 1 { // lvs-snat v1 has a second list, of services
		l.zoneVerb = "--add-laddr-zone"
	}
	for _, row := range s.lines(0, len(s.text)) {
		if err := l.row(row); err != nil {
			return nil, s.problem(row.line, fmt.Sprintf("%s: %v", row.text(), err), "translate what `ipvsadm -S -n` prints instead")
		}
	}
	return l.calls, nil
}

// lister makes calls of the rows of a listing.
type lister struct {
	*source
	calls   []*call
	columns string // of real servers: "forward", "stats", "snat" or "laddrs"
	service []arg  // of the rows that follow
	warned  bool

	protos   map[string]string // the option of each service that was listed
	zoneVerb string            // the command that gives a zone laddrs
	verb     string            // of the laddrs that follow
}

// emit adds a call that has the words of a row.
func (l *lister) emit(row *call, verb string, args ...[]arg) {
	c := &call{line: row.line, head: row.head}
	c.args = append(c.args, arg{text: verb})
	for _, a := range args {
		c.args = append(c.args, a...)
	}
	l.calls = append(l.calls, c)
}

// with makes an option of a value that a row has.
func with(flag string, a arg) []arg { return []arg{{text: flag}, a} }

// whole accounts for words that are no rules: titles and counters.
func (l *lister) whole(args []arg) {
	for _, a := range args {
		l.ledger.Whole(a.words...)
	}
}

// row reads one row.
func (l *lister) row(row *call) error {
	f := row.args
	switch head := f[0].text; {
	case head == "IP", head == "Prot":
		l.whole(f)
	case head == "->" && len(f) > 1 && strings.HasPrefix(f[1].text, "RemoteAddress"):
		l.columns = "stats"
		for _, a := range f {
			if a.text == "Forward" {
				l.columns = "forward"
			}
		}
		l.whole(f)
	case head == "->" && len(f) > 1 && f[1].text == "SourceAddr":
		l.columns = "snat"
		l.whole(f)
	case strings.HasPrefix(head, "VIP:VPORT"), strings.HasPrefix(head, "NET/MASK"):
		l.columns, l.service = "laddrs", nil
		l.whole(f)
	case l.columns == "laddrs" && head != "TCP" && head != "UDP" && head != "FWM":
		return l.laddrs(row)
	case head == "TCP", head == "UDP", head == "SCTP", head == "FWM", head == "MATCH":
		return l.head(row)
	case head == "->":
		return l.server(row)
	default:
		return fmt.Errorf("it is no row of a listing")
	}
	return nil
}

// head reads the row of a service: PROTO ADDRESS SCHEDULER FLAGS.
func (l *lister) head(row *call) error {
	f := row.args
	if len(f) < 3 {
		return fmt.Errorf("a service has no scheduler")
	}
	flag := map[string]string{"TCP": "-t", "UDP": "-u", "SCTP": "--sctp-service", "FWM": "-f", "MATCH": "-H"}[f[0].text]
	name := f[1]
	if f[0].text == "MATCH" {
		proto, rest, _ := strings.Cut(name.text, ",")
		name.text = "proto=" + proto + "," + rest
	}
	l.ledger.Whole(f[0].words...)
	l.service = []arg{{text: flag}, {text: name.text}}
	l.protos[name.text] = flag
	args := append(with(flag, name), with("-s", f[2])...)
	stats := l.columns == "stats"
	for i := 3; i < len(f); i++ {
		switch a := f[i]; {
		case a.text == "IPv6" && f[0].text == "FWM":
			args = append(args, arg{"-6", a.words})
			l.service = append(l.service, arg{text: "-6"})
		case a.text == "persistent" && i+1 < len(f):
			args = append(args, arg{"-p", a.words}, f[i+1])
			i++
		case (a.text == "mask" || a.text == "pe") && i+1 < len(f):
			args = append(args, arg{map[string]string{"mask": "-M", "pe": "--pe"}[a.text], a.words}, f[i+1])
			i++
		case a.text == "synproxy":
			args = append(args, arg{"-j", a.words}, arg{text: "enable"})
		case a.text == "ops":
			args = append(args, arg{"-o", a.words})
		case isFlags(a.text):
			args = append(args, arg{"--sched-flags", nil}, arg{strings.Trim(a.text, "()"), a.words})
		case i == 3 && isNumber(a.text) && a.text != "0" && !stats: // of established connections, in alibaba v3
			args = append(args, arg{text: "-V"}, a)
		case stats || isNumber(a.text), a.text == "UnK.", a.text == "or", a.text == "DFLT.": // counters; no timeout
			l.ledger.Whole(a.words...)
		default:
			return fmt.Errorf("%q is no flag of a service", a.text)
		}
	}
	l.emit(row, "-A", args)
	return nil
}

// isFlags tells whether a word is the flags of a scheduler: (sh-port,sh-fallback).
func isFlags(s string) bool {
	return strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")") && (strings.Contains(s, "flag-") || strings.Contains(s, "h-"))
}

// server reads the row of a real server, or of an SNAT rule.
func (l *lister) server(row *call) error {
	f := row.args
	if l.service == nil {
		return fmt.Errorf("no service comes before it")
	}
	l.ledger.Whole(f[0].words...)
	if len(f) >= 7 && strings.Contains(f[1].text, "/") { // lvs-snat v2
		l.whole(f[8:min(len(f), 99)])
		args := append(append([]arg{{text: "-f"}, {text: "1"}}, with("-F", f[1])...), with("-T", f[2])...)
		args = append(args, with("-W", f[3])...)
		if f[4].text != "-" && f[4].text != "*" {
			args = append(args, with("--oif", f[4])...)
		}
		args = append(append(args, with("-U", f[5])...), with("-O", f[6])...)
		if len(f) > 7 {
			args = append(args, with("-N", f[7])...)
		}
		l.emit(row, "-K", args)
		return nil
	}
	if len(f) < 2 {
		return fmt.Errorf("a real server has no address")
	}
	args := append(append([]arg(nil), l.service...), with("-r", f[1])...)
	how := ""
	if len(f) > 3 {
		how = map[string]string{"Masq": "-m", "Local": "-m", "Tunnel": "-i", "Route": "-g", "FullNat": "--fullnat", "FULLNAT": "--fullnat", "SNAT": "--snat"}[f[2].text]
	}
	if how == "" {
		if !l.warned {
			l.warned = true
			l.ledger.Note(translate.Place{File: l.name, Line: row.line}, "M136", row.text(), "")
		}
		l.whole(f[2:])
		l.emit(row, "-a", args, []arg{{text: "-m"}})
		return nil
	}
	l.whole(f[4:])
	l.emit(row, "-a", args, []arg{{how, f[2].words}}, with("-w", f[3]))
	return nil
}

// laddrs reads a row of `ipvsadm -G`: a service or zone with a number of laddrs, or a laddr.
func (l *lister) laddrs(row *call) error {
	f := row.args
	switch {
	case strings.Contains(f[0].text, "/"):
		l.service, l.verb = []arg{{text: "--zone"}, {text: f[0].text}}, l.zoneVerb
		l.whole(f[1:])
		l.emit(row, "--add-zone", with("--zone", f[0]))
	case len(f) >= 2 && isNumber(f[1].text) && strings.Contains(f[0].text, ":") && len(f) < 4:
		flag := l.protos[f[0].text]
		if flag == "" {
			flag = "-t"
		}
		l.service, l.verb = []arg{{text: flag}, {text: f[0].text}}, "--add-laddr"
		l.whole(f)
	case l.service == nil:
		return fmt.Errorf("no service or zone comes before it")
	default:
		l.whole(f[1:])
		l.emit(row, l.verb, l.service, with("-z", f[0]))
	}
	return nil
}
