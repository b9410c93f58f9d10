package health

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestTCP(t *testing.T) {
	echo := func(c net.Conn) { io.Copy(c, c) }
	slowly := func(c net.Conn) {
		for _, part := range []string{"PO", "N", "G\r\n"} {
			io.WriteString(c, part)
			time.Sleep(10 * time.Millisecond)
		}
		hold(c)
	}
	for _, c := range []struct {
		name  string
		check Check
		to    string
		want  string
	}{
		{"connect", Check{}, serveTCP(t, hold), ""},
		{"closes at once", Check{}, serveTCP(t, func(net.Conn) {}), ""},
		{"refused", Check{}, refused(t, "tcp"), "connection refused"},
		{"silent", Check{Timeout: short}, silentServer(t), "no answer in 300ms"},
		{"banner", Check{Expect: "ready"}, serveTCP(t, say("server ready\r\n")), ""},
		{"banner missing", Check{Expect: "ready", Timeout: short}, serveTCP(t, hold), "connected, but no answer in 300ms"},
		{"another banner", Check{Expect: "ready", Timeout: short}, serveTCP(t, say("server busy\r\n")), `answer lacks "ready": "server busy"`},
		{"another banner, closed", Check{Expect: "ready"}, serveTCP(t, sayAndClose("server busy\r\nsorry\r\n")), `answer lacks "ready": "server busy"`},
		{"closed without banner", Check{Expect: "ready"}, serveTCP(t, sayAndClose("")), `connection closed before "ready" came`},
		{"reset without banner", Check{Expect: "ready"}, serveTCP(t, abort), "connection reset"},
		{"ask and answer", Check{Send: "PING\r\n", Expect: "PING"}, serveTCP(t, echo), ""},
		{"answer in parts", Check{Send: "PING\r\n", Expect: "PONG"}, serveTCP(t, slowly), ""},
		{"only sent", Check{Send: "PING\r\n"}, serveTCP(t, hold), ""},
		{"never ends", Check{Expect: "y"}, serveTCP(t, say(strings.Repeat("x", 1<<20))), `no "y" in the first 65536 bytes`},
		{"long line", Check{Expect: "y", Timeout: short}, serveTCP(t, say(strings.Repeat("x", 100))), `answer lacks "y": "` + strings.Repeat("x", 40) + `"…`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.check.Type = TCP
			if got := once(t, c.check, c.to); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestUDP(t *testing.T) {
	answer := func(text string) func([]byte) []byte { return func([]byte) []byte { return []byte(text) } }
	silent := func([]byte) []byte { return nil }
	for _, c := range []struct {
		name  string
		check Check
		to    string
		want  string
	}{
		{"any answer", Check{Send: "ping"}, serveUDP(t, answer("what?")), ""},
		{"silence is up", Check{Send: "ping", Timeout: short}, serveUDP(t, silent), ""},
		{"unreachable", Check{Send: "ping"}, refused(t, "udp"), "port unreachable"},
		{"unreachable, nothing sent", Check{}, refused(t, "udp"), "port unreachable"},
		{"expected", Check{Send: "ping", Expect: "ing"}, serveUDP(t, func(b []byte) []byte { return b }), ""},
		{"silence where an answer is expected", Check{Send: "ping", Expect: "pong", Timeout: short}, serveUDP(t, silent), "no answer in 300ms"},
		{"another answer", Check{Send: "ping", Expect: "pong", Timeout: short}, serveUDP(t, answer("busy")), `answer lacks "pong": "busy"`},
		{"unreachable where an answer is expected", Check{Send: "ping", Expect: "pong"}, refused(t, "udp"), "port unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.check.Type = UDP
			if got := once(t, c.check, c.to); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
