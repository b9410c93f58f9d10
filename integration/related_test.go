package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// helpers is another program's table, which has the kernel read what FTP says.
const helpers = `table inet helpers {
	ct helper ftp-standard {
		type "ftp" protocol tcp
	}
	chain assign {
		type filter hook prerouting priority -150
		tcp dport 21 ct helper set "ftp-standard"
	}
}
`

// Connections that a helper expected belong to the zone or service of the one that it read, and
// end with it.
func TestRelatedFlows(t *testing.T) {
	const policy = `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}
  - {name: guests, from: 10.2.0.0/16, laddrs: 198.51.100.6}
services:
  - {name: ftp, vip: 203.0.113.10, ports: tcp/21, real_servers: ["192.168.1.1:2121"]}
  - {name: web, vip: 203.0.113.10, ports: tcp/80, real_servers: [192.168.1.2]}
`
	s := startSite(t, policy)
	nft(t, s.Gateway, helpers)
	w := watching(t, s.Gateway, nil, "--format", "jsonl")
	serveFTP(t, s.Outside, "8.8.8.8:21", 6000)
	serveFTP(t, s.RS[0], "192.168.1.1:2121", 6001)
	callFTP(t, s.Office, "10.1.5.9", "8.8.8.8:21")
	callFTP(t, s.Outside, "8.8.8.8", "203.0.113.10:21")

	const laddr = "198.51.100.1"
	list := func(args ...string) []string {
		var lines []string
		for _, r := range decodeFlows(t, prints(t, s.Gateway, append([]string{"flows", "--format", "json"}, args...)...)) {
			lines = append(lines, belonging(r))
		}
		slices.Sort(lines)
		return lines
	}
	wantSame(t, "flows", list(), []string{
		"10.1.5.9 > 8.8.8.8:21 of office by " + laddr,
		"10.1.5.9 > 8.8.8.8:6000 of office by " + laddr,
		"192.168.1.1 > 8.8.8.8:5000 of ftp to 192.168.1.1:2121",
		"8.8.8.8 > " + laddr + ":5000 of office by " + laddr,
		"8.8.8.8 > 203.0.113.10:21 of ftp to 192.168.1.1:2121",
		"8.8.8.8 > 203.0.113.10:6001 of ftp to 192.168.1.1:2121",
	})
	wantSame(t, "flows --past", list("--past"), nil)
	if r := snatctl(t, s.Gateway, policy, "diff"); r.Code != 0 || strings.Contains(r.Stdout, "contradict") {
		t.Errorf("diff exits %d:\n%s", r.Code, r.Stdout)
	}
	for _, c := range []struct{ kind, line string }{
		{"zone", "  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}\n"},
		{"service", `  - {name: ftp, vip: 203.0.113.10, ports: tcp/21, real_servers: ["192.168.1.1:2121"]}` + "\n"},
	} {
		if r := snatctl(t, s.Gateway, strings.Replace(policy, c.line, "", 1), "diff", "--format", "json"); flowsEnded(t, r) != 3 {
			t.Errorf("without the %s %d flows would end, want 3\n%s%s", c.kind, flowsEnded(t, r), r.Stdout, r.Stderr)
		}
	}
	r := snatctl(t, s.Gateway, strings.Replace(policy, "192.168.1.1:2121", "192.168.1.3:2121", 1), "apply", "--format", "json")
	if r.Code != 0 || flowsEnded(t, r) != 3 {
		t.Errorf("apply exits %d and ends %d flows, want 3\n%s%s", r.Code, flowsEnded(t, r), r.Stdout, r.Stderr)
	}
	ended := func() (lines []string) {
		for _, r := range decodeEvents(t, w.lines(t)) {
			if *r.Event == "destroy" {
				line, _, _ := strings.Cut(belonging(r), " to ") // which real server it was the table may tell no more
				lines = append(lines, line)
			}
		}
		slices.Sort(lines)
		return lines
	}
	until(t, "three ends", func() bool { return len(ended()) >= 3 })
	wantSame(t, "watch", ended(), []string{"192.168.1.1 > 8.8.8.8:5000 of ftp", "8.8.8.8 > 203.0.113.10:21 of ftp", "8.8.8.8 > 203.0.113.10:6001 of ftp"})
	if left := list("--zone", "office"); len(left) != 3 {
		t.Errorf("%d flows of the zone are left, want 3: %v", len(left), left)
	}
}

// belonging says whom a flow belongs to, and by which addresses that translated it.
func belonging(r record) string {
	src, _, _ := strings.Cut(r.Src, ":")
	text := src + " > " + *r.Dst
	for _, part := range []struct {
		word string
		name *string
	}{{" of ", r.Service}, {" of ", r.Zone}, {" to ", r.RealServer}, {" by ", r.Laddr}} {
		if part.name != nil {
			text += part.word + *part.name
		}
	}
	return text
}

// serveFTP answers what callFTP asks, as far as a helper reads it.
func serveFTP(t *testing.T, h *nstest.Host, at string, port int) {
	t.Helper()
	own, _, _ := strings.Cut(at, ":")
	must(t, h.ServeTCP(fmt.Sprintf("%s:%d", own, port)))
	l := listen(t, h, at)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprintf(c, "220 ready\r\n") // a helper believes no line before the first end of one
				for lines := bufio.NewScanner(c); lines.Scan(); {
					word, args, _ := strings.Cut(lines.Text(), " ")
					switch word {
					case "PASV":
						fmt.Fprintf(c, "227 Entering Passive Mode (%s).\r\n", ftpAddress(own, port))
					case "PORT":
						data, err := h.Dial("tcp", own+":20", parseFTP(args))
						if err != nil {
							fmt.Fprintf(c, "425 %s: %v\r\n", args, err)
							return
						}
						defer data.Close()
						fmt.Fprintf(c, "200 connected\r\n")
					}
				}
			}()
		}
	}()
}

// callFTP opens connections to a server both ways, and keeps them until the test ends.
func callFTP(t *testing.T, h *nstest.Host, own, at string) {
	t.Helper()
	control, err := h.Dial("tcp", own, at)
	must(t, err)
	t.Cleanup(func() { control.Close() })
	answers := bufio.NewReader(control)
	say := func(command, want string) string {
		_, err := io.WriteString(control, command)
		must(t, err)
		answer, err := answers.ReadString('\n')
		if err != nil || !strings.HasPrefix(answer, want) {
			t.Fatalf("%s from %s to %s is answered by %q (%v)", command, own, at, answer, err)
		}
		return answer
	}
	say("", "220 ")
	answer := say("PASV\r\n", "227 ")
	data, err := h.Dial("tcp", own, parseFTP(answer[strings.Index(answer, "(")+1:]))
	must(t, err)
	t.Cleanup(func() { data.Close() })
	_, err = nstest.AskOn(data)
	must(t, err)
	listen(t, h, own+":5000")
	say("PORT "+ftpAddress(own, 5000)+"\r\n", "200 ")
}

func listen(t *testing.T, h *nstest.Host, at string) (l net.Listener) {
	t.Helper()
	must(t, h.Do(func() (err error) {
		l, err = net.Listen("tcp", at)
		return err
	}))
	t.Cleanup(func() { l.Close() })
	return l
}

// ftpAddress writes an address and port as FTP does (RFC 959, 4.1.2).
func ftpAddress(own string, port int) string {
	return fmt.Sprintf("%s,%d,%d", strings.ReplaceAll(own, ".", ","), port>>8, port&255)
}

func parseFTP(text string) string {
	var a [4]byte
	var high, low uint16
	_, _ = fmt.Sscanf(text, "%d,%d,%d,%d,%d,%d", &a[0], &a[1], &a[2], &a[3], &high, &low)
	return netip.AddrPortFrom(netip.AddrFrom4(a), high<<8|low).String()
}
