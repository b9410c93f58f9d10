package translate

import (
	"fmt"
	"time"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/format"
)

// seconds writes a time as the language's examples do.
func seconds(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return d.String()
}

// health writes the keys of a service that only the agent acts upon.
func (d *document) health(s *Service, m *format.Mapping) {
	was := policy.DefaultService()
	if s.Check != nil {
		m.Set("health_check", format.Text(d.checks.named[s.Check.key()]))
	}
	switch {
	case s.Quorum.Percent > 0:
		m.Set("quorum", format.Text(s.Quorum.String()))
	case s.Quorum.Count > 1:
		m.Set("quorum", format.Number(s.Quorum.Count))
	}
	if s.Hysteresis > 0 {
		m.Set("hysteresis", format.Number(s.Hysteresis))
	}
	if len(s.Sorry) > 0 {
		m.Set("sorry_servers", d.writeServers(s.Sorry))
	}
	if s.SlowStart > 0 {
		m.Set("slow_start", format.Text(seconds(s.SlowStart)))
	}
	if s.OnDown != was.OnDown {
		m.Set("on_down", format.Text(string(s.OnDown)))
	}
}

// writeCheck writes the keys of a check that differ from what its type has anyway.
func writeCheck(c *policy.HealthCheck) *format.Mapping {
	m, was := new(format.Mapping), policy.DefaultHealthCheck(c.Type)
	m.Set("type", format.Text(string(c.Type)))
	text := func(key, value, absent string) {
		if value != absent {
			m.Set(key, format.Text(value))
		}
	}
	number := func(key string, value, absent int) {
		if value != absent {
			m.Set(key, format.Number(value))
		}
	}
	number("port", int(c.Port), 0)
	text("interval", seconds(c.Interval), seconds(was.Interval))
	text("timeout", seconds(c.Timeout), seconds(min(was.Timeout, c.Interval)))
	number("rise", c.Rise, was.Rise)
	number("fall", c.Fall, was.Fall)
	text("send", c.Send, "")
	text("expect", c.Expect, "")
	text("method", c.Method, was.Method)
	text("path", c.Path, was.Path)
	text("host", c.Host, "")
	if fmt.Sprint(c.Status) != fmt.Sprint(was.Status) {
		m.Set("status", statuses(c.Status))
	}
	text("body", c.Body, "")
	text("sni", c.SNI, "")
	if c.Verify != (c.CA != "") {
		m.Set("verify", format.Truth(c.Verify))
	}
	text("ca", c.CA, "")
	text("query", c.Query, "")
	text("record", c.Record, was.Record)
	text("answer", c.Answer, "")
	text("rcode", c.Rcode, was.Rcode)
	if len(c.Command) > 0 {
		command := new(format.List).InBrackets()
		for _, word := range c.Command {
			command.Add(format.Text(word))
		}
		m.Set("command", command)
	}
	return m
}

// statuses writes HTTP status codes: single ones are numbers.
func statuses(ranges []policy.StatusRange) format.Value {
	list := new(format.List).InBrackets()
	for _, r := range ranges {
		if r.First == r.Last {
			list.Add(format.Number(r.First))
		} else {
			list.Add(format.Text(r.String()))
		}
	}
	return list
}
