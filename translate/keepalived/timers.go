package keepalived

import (
	"strconv"
	"strings"
	"time"
)

// timers are what checks inherit from the real server, and that from the virtual server.
type timers struct {
	loop, connect, before, warmup time.Duration
	retry                         int
	has                           struct{ loop, connect, before, warmup, retry bool }
}

// inherit takes from a what is not said here.
func (t *timers) inherit(a timers) {
	take := func(has *bool, from bool, v *time.Duration, of time.Duration) {
		if !*has && from {
			*has, *v = true, of
		}
	}
	take(&t.has.loop, a.has.loop, &t.loop, a.loop)
	take(&t.has.connect, a.has.connect, &t.connect, a.connect)
	take(&t.has.before, a.has.before, &t.before, a.before)
	take(&t.has.warmup, a.has.warmup, &t.warmup, a.warmup)
	if !t.has.retry && a.has.retry {
		t.has.retry, t.retry = true, a.retry
	}
}

// timerWords are the keywords of timers.
var timerWords = map[string]bool{"delay_loop": true, "connect_timeout": true, "delay_before_retry": true, "warmup": true, "retry": true, "nb_get_retry": true, "nb_sock_retry": true}

// timer reads a statement that is one of the timers, and returns false for another.
func (k *translator) timer(s *Statement, t *timers) bool {
	var at *time.Duration
	var has *bool
	switch s.Word(0) {
	case "delay_loop":
		at, has = &t.loop, &t.has.loop
	case "connect_timeout":
		at, has = &t.connect, &t.has.connect
	case "delay_before_retry":
		at, has = &t.before, &t.has.before
	case "warmup":
		at, has = &t.warmup, &t.has.warmup
	case "retry", "nb_get_retry", "nb_sock_retry":
		if n, ok := k.count(s, 0, 1<<20); ok {
			t.retry, t.has.retry = n, true
		}
		return true
	default:
		return false
	}
	seconds, err := strconv.ParseFloat(s.Word(1), 64)
	if err != nil || seconds < 0 || seconds > 1e8 {
		k.report("M207", "", s)
		return true
	}
	*at, *has = time.Duration(seconds*1e6)*time.Microsecond, true
	if s.Word(0) == "warmup" {
		k.report("M221", "", s)
	} else {
		k.whole(s, 2)
	}
	return true
}

// count reads a whole number behind the keyword, and reports the statement if there is none.
func (k *translator) count(s *Statement, low, high int) (int, bool) {
	n, err := strconv.Atoi(s.Word(1))
	if err != nil || n < low || n > high {
		k.report("M207", "", s)
		return 0, false
	}
	k.whole(s, 2)
	return n, true
}

// truth reads the value of a switch: on, where nothing stands behind it.
func truth(s *Statement) bool {
	switch strings.ToLower(s.Word(1)) {
	case "off", "false", "no":
		return false
	}
	return true
}
