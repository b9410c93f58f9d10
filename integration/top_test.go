package integration

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// rows returns the names that top lists, in order.
func (x *terminal) rows() (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^(\S+(?: \S+)?) {2,}[\d,]+ .*$`).FindAllStringSubmatch(x.screen()+" ", -1) {
		names = append(names, m[1])
	}
	return names
}

func (x *terminal) lists(want string) {
	x.t.Helper()
	defer func() {
		if x.t.Failed() {
			x.t.Logf("the screen is\n%s", x.screen())
		}
	}()
	until(x.t, "the list "+want, func() bool { return strings.Join(x.rows(), ", ") == want })
}

func TestTop(t *testing.T) {
	s := startSite(t, statusPolicy)
	must(t, s.Gateway.Sysctl("net/netfilter/nf_conntrack_udp_timeout", "600")) // as long as the test may take
	hold(t, s.Office, 6, "tcp", "", "203.0.113.1:80")
	hold(t, s.Guests, 4, "udp", "", "203.0.113.1:53")
	hold(t, s.Office, 5, "tcp", "", "8.8.8.8:53")
	hold(t, s.Guests, 2, "udp", "", "9.9.9.9:53")
	x := onTerminal(t, s.Gateway, 100, 24, program(t), "top", "--interval", "500ms")
	x.shows("flows by zone, every 500ms")
	x.lists("-, office, guests")
	x.shows("conntrack 17 of ")
	for key, want := range map[string]string{
		"2":       "-, web, dns",
		"3":       "-, dns 192.168.1.3:5353, web 192.168.1.1:80, web 192.168.1.2:8080",
		"5":       "10.1.5.9, 10.2.5.9",
		"6":       "203.0.113.1:80/tcp, 8.8.8.8:53/tcp, 203.0.113.1:53/udp, 9.9.9.9:53/udp",
		"1\t":     "-, web, dns",
		"2\t":     "-, dns 192.168.1.3:5353, web 192.168.1.1:80, web 192.168.1.2:8080",
		"6\t":     "-, office, guests",
		"1\x1b[Z": "203.0.113.1:80/tcp, 8.8.8.8:53/tcp, 203.0.113.1:53/udp, 9.9.9.9:53/udp",
	} {
		x.press(key)
		x.lists(want)
	}

	// A guest that sends a lot comes first by bytes, one that calls often by new connections.
	x.press("5")
	x.lists("10.1.5.9, 10.2.5.9")
	x.press("b")
	x.shows("BYTES/S▼")
	stream, err := s.Guests.OpenStream("", "8.8.8.8:7")
	must(t, err)
	x.lists("10.2.5.9, 10.1.5.9")
	must(t, stream.Close())
	x.press("\x1b[D")
	x.shows("NEW/S▼")
	x.press("\x1b[D")
	x.shows("FLOWS▼")

	x.press("/10.2")
	x.shows(`only names with "10.2"`)
	x.lists("10.2.5.9")
	x.press("\r")
	x.shows("q quit")
	x.press("/\x1b")
	x.lists("10.1.5.9, 10.2.5.9")

	x.press(" ")
	x.shows("FROZEN")
	hold(t, s.Lab, 1, "tcp", "", "203.0.113.1:80")
	x.press("+")
	x.shows("every 1s")
	x.lists("10.1.5.9, 10.2.5.9")
	x.press(" -")
	x.lists("10.1.5.9, 10.2.5.9, 10.66.5.9")

	x.press("?")
	x.shows("any key leaves it")
	x.press("x")
	x.shows("q quit")
	must(t, pty.Setsize(x.master, &pty.Winsize{Rows: 12, Cols: 60}))
	x.vt.Resize(60, 12)
	must(t, x.cmd.Process.Signal(syscall.SIGWINCH))
	x.lists("10.1.5.9, 10.2.5.9, 10.66.5.9")
	x.press("q")
	x.ends(0)
}

// However top is ended, the terminal is as it was.
func TestTopEnds(t *testing.T) {
	s := startSite(t, statusPolicy)
	for name, end := range map[string]func(*terminal){
		"ctrl-C":  func(x *terminal) { x.press("\x03") },
		"SIGTERM": func(x *terminal) { must(t, x.cmd.Process.Signal(syscall.SIGTERM)) },
		"SIGINT":  func(x *terminal) { must(t, x.cmd.Process.Signal(syscall.SIGINT)) },
	} {
		t.Run(name, func(t *testing.T) {
			x := onTerminal(t, s.Gateway, 80, 24, program(t), "top")
			x.shows("conntrack ")
			end(x)
			x.ends(0)
		})
	}
	t.Run("no table", func(t *testing.T) {
		x := onTerminal(t, s.Gateway, 80, 24, program(t), "top", "--table", "edge")
		x.shows("there is no table inet edge")
		_ = x.cmd.Wait()
		if code := x.cmd.ProcessState.ExitCode(); code != 1 {
			t.Errorf("exit status %d", code)
		}
	})
	t.Run("watch", func(t *testing.T) {
		x := onTerminal(t, s.Gateway, 80, 24, program(t), "status", "--watch", "200ms")
		x.shows("every 200ms, ctrl-C ends")
		x.shows("service web: nat, wrr")
		must(t, pty.Setsize(x.master, &pty.Winsize{Rows: 4, Cols: 40}))
		x.vt.Resize(40, 4)
		x.shows("lines more")
		if first, _, _ := strings.Cut(x.screen(), "\n"); first != "every 200ms, ctrl-C ends" {
			t.Errorf("the screen is\n%s", x.screen())
		}
		x.press("\x03")
		x.ends(0)
	})
}

// Rates tell of connections that come and go between two lists, and of all their bytes.
func TestTopRates(t *testing.T) {
	s := startSite(t, statusPolicy)
	x := onTerminal(t, s.Gateway, 100, 24, program(t), "top", "--interval", "2s")
	x.shows("new/s")
	sum := 0.0
	column := func() float64 {
		cells := regexp.MustCompile(` {2,}`).Split(x.line("office "), -1)
		if len(cells) < 3 {
			return 0
		}
		n, err := strconv.ParseFloat(strings.ReplaceAll(cells[2], ",", ""), 64)
		must(t, err)
		return n
	}
	const calls = 20
	for range calls {
		_, err := s.Office.Ask("udp", "", "8.8.8.8:53")
		must(t, err)
	}
	must(t, s.Gateway.FlushFlows(context.Background()))
	// They fall into one interval, or two.
	last := 0.0
	until(t, "all connections to be told of", func() bool {
		if now := column(); now != last {
			sum, last = sum+now, now
		}
		return sum*2 > calls/2
	})
	// On a busy machine an interval is longer than 2 s, and its rates are lower.
	if got := sum * 2; got > calls+1 {
		t.Errorf("%.1f new connections, want %d", got, calls)
	}
	x.press("q")
	x.ends(0)
}
