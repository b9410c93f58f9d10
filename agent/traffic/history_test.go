package traffic

import (
	"fmt"
	"testing"
	"time"

	"github.com/snatctl/snatctl/ct"
)

// figuresOf are figures in which a service got some connections a second.
func figuresOf(second int, service string, rate float64) *Figures {
	return &Figures{At: time.Unix(int64(second), 0), Over: time.Second,
		Services: []Service{{ServiceReport: &ct.ServiceReport{Name: service}, Rate: Rate{New: rate}}}}
}

// A history has the newest readings in their order, zeros where nothing moved, and none of a reading
// that knows no rates.
func TestHistory(t *testing.T) {
	s := New(Options{})
	for i := range 2 * Points {
		s.history.enter(figuresOf(i, "web", float64(i)))
	}
	unknown := figuresOf(999, "web", 7)
	unknown.Over = 0
	s.history.enter(unknown)
	s.history.enter(figuresOf(2*Points, "other", 1))
	got := s.History(Object{"service", "web"})
	if len(got) != Points || got[0] != (Point{time.Unix(Points+1, 0), Rate{New: Points + 1}}) ||
		got[Points-2].New != 2*Points-1 || got[Points-1] != (Point{At: time.Unix(2*Points, 0)}) {
		t.Errorf("the history is %+v", got)
	}
	if all := s.History(Object{}); all[Points-1].New != 1 || all[0].New != Points+1 {
		t.Errorf("the history of all is %+v", all)
	}
	if none := s.History(Object{"zone", "web"}); len(none) != Points || none[0].Rate != (Rate{}) {
		t.Errorf("the history of nothing is %+v", none)
	}
}

// What has no traffic is forgotten, and there is a bound for what has.
func TestHistoryIsBounded(t *testing.T) {
	var h history
	for i := range mostKept + 100 {
		f := figuresOf(0, fmt.Sprint("s", i), 1)
		h.point(Object{"service", f.Services[0].Name}, f.Services[0].Rate)
	}
	if len(h.of) != mostKept {
		t.Errorf("%d histories are kept", len(h.of))
	}
	for i := range Points + 1 {
		h.enter(figuresOf(i, "web", 0))
	}
	if len(h.of) != 0 {
		t.Errorf("%d histories are kept of what has no traffic", len(h.of))
	}
}
