package policy

import (
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// check applies the rules that look at a whole pool, zone or service, or at several.
// Every rule takes about linear time in the size of the policy.
func (l *loader) check() {
	l.checkPools()
	l.checkZones()
	l.checkServices()
}

// object says what a finding is about. It becomes text only where there is a finding.
type object struct{ kind, name string }

func (o object) String() string { return strings.TrimSpace(o.kind + " " + o.name) }

// fault reports an error about an object, with its name before the message.
func (l *loader) fault(at Pos, code string, about object, hint, format string, args ...any) {
	object := about.String()
	l.report(Diagnostic{
		Pos: at, Severity: Error, Code: code, Object: object, Hint: hint,
		Msg: oneLine(object + ": " + fmt.Sprintf(format, args...)),
	})
}

// familySet tells which families occur.
type familySet struct{ v4, v6 bool }

func (s *familySet) add(f inet.Family) {
	s.v4 = s.v4 || f == inet.V4
	s.v6 = s.v6 || f == inet.V6
}

func (s familySet) has(f inet.Family) bool { return f == inet.V4 && s.v4 || f == inet.V6 && s.v6 }

// rangeFamilies returns the families that occur in ranges.
func rangeFamilies(rs []inet.Range) (s familySet) {
	for _, r := range rs {
		s.add(r.Family())
	}
	return s
}

// poolFamilies returns the families that a pool has laddrs of for new connections. Pools
// may be large and shared by many, so the answer is kept.
func (l *loader) poolFamilies(p *Pool) familySet {
	if s, ok := l.families[p]; ok {
		return s
	}
	var s familySet
	for _, f := range inet.Families {
		if len(p.Ranges(f)) > 0 {
			s.add(f)
		}
	}
	l.families[p] = s
	return s
}
