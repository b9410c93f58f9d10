package main

import "fmt"

// score counts what a showing has checked.
type score struct {
	*screen
	passed, failed int
}

func (s *score) check(err error) {
	if err != nil {
		s.failed++
		s.say("   WRONG: %v", err)
		return
	}
	s.passed++
}

// wants counts a check that is not a call.
func (s *score) wants(ok bool, format string, args ...any) {
	if ok {
		s.check(nil)
	} else {
		s.check(fmt.Errorf(format, args...))
	}
}
