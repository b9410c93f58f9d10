package health

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// mailServer answers commands by their first word, and remembers them.
func mailServer(t testing.TB, greeting string, answers map[string]string) (addr string, heard func() []string) {
	var mu sync.Mutex
	var lines []string
	addr = serveTCP(t, func(c net.Conn) {
		fmt.Fprintf(c, "%s\r\n", greeting)
		for in := bufio.NewScanner(c); in.Scan(); {
			word, _, _ := strings.Cut(in.Text(), " ")
			mu.Lock()
			lines = append(lines, in.Text())
			mu.Unlock()
			if a := answers[word]; a != "" {
				fmt.Fprintf(c, "%s\r\n", a)
			}
		}
	})
	return addr, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(lines)
	}
}

func TestSMTP(t *testing.T) {
	modern, heard := mailServer(t, "220 mx ESMTP", map[string]string{"EHLO": "250-mx\r\n250 PIPELINING", "QUIT": "221 bye"})
	old, _ := mailServer(t, "220 mx", map[string]string{"EHLO": "502 what?", "HELO": "250 mx", "QUIT": "221 bye"})
	busy, _ := mailServer(t, "421 too many connections, try later", nil)
	unfriendly, _ := mailServer(t, "220 mx", map[string]string{"EHLO": "550 go away", "HELO": "550 go away"})
	dumb, _ := mailServer(t, "220 mx", nil)
	for _, c := range []struct {
		name  string
		check Check
		to    string
		want  string
	}{
		{"speaks ESMTP", Check{}, modern, ""},
		{"with a name", Check{Host: "gw.example.com"}, modern, ""},
		{"speaks SMTP", Check{}, old, ""},
		{"busy", Check{}, busy, "SMTP greeting: 421 too many connections, try later"},
		{"refuses", Check{}, unfriendly, "SMTP EHLO: 550 go away"},
		{"deaf after the greeting", Check{Timeout: short}, dumb, "connected, but no answer in 300ms"},
		{"greeting missing", Check{Timeout: short}, serveTCP(t, hold), "connected, but no answer in 300ms"},
		{"no SMTP", Check{}, serveTCP(t, say("+OK POP3 ready\r\n")), `answer is no SMTP: "+OK POP3 ready"`},
		{"closed", Check{}, serveTCP(t, sayAndClose("")), "connection closed at the SMTP greeting"},
		{"refused", Check{}, refused(t, "tcp"), "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.check.Type = SMTP
			if got := once(t, c.check, c.to); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	if want := []string{"EHLO [127.0.0.1]", "QUIT", "EHLO gw.example.com", "QUIT"}; !slices.Equal(heard(), want) {
		t.Errorf("the server heard %q, want %q", heard(), want)
	}
}
