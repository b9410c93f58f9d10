package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// helpersPolicy has helpers for one zone and some services, beside others without.
const helpersPolicy = `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs: {inside: [192.168.2.9, "fd06::9"]}
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: [198.51.100.1, "2001:db8:99::1"], helpers: [ftp, tftp, sip, pptp, h323]}
  - {name: guests, from: 10.2.0.0/16, laddrs: 198.51.100.6}
services:
  - {name: nat, vip: [203.0.113.10, "2001:db8::10"], ports: [tcp/21, udp/69], helpers: [ftp, tftp], real_servers: [192.168.1.1, "fd05::1"]}
  - {name: fullnat, vip: [203.0.113.11, "2001:db8::11"], ports: [tcp/21, udp/69], helpers: [ftp, tftp], mode: fullnat, laddrs: inside, real_servers: [192.168.1.1, "fd05::1"]}
  - {name: odd, vip: 203.0.113.12, ports: tcp/2121, helpers: ftp, mode: fullnat, laddrs: inside, real_servers: ["192.168.1.1:21"]}
  - {name: plain, vip: 203.0.113.13, ports: [tcp/21, udp/69], mode: fullnat, laddrs: inside, real_servers: 192.168.1.1}
`

// ftpWays are the ways in which a client asks for a data connection (RFC 959, RFC 2428), as curl
// is told to.
var ftpWays = []struct {
	word string
	args []string
}{
	{"PASV", []string{"--disable-epsv", "--no-ftp-skip-pasv-ip"}},
	{"EPSV", nil},
	{"PORT", []string{"--disable-eprt", "--ftp-port", "-"}},
	{"EPRT", []string{"--ftp-port", "-"}},
}

// vsftpd and curl speak with each other through a zone, a NAT service and a FULLNAT service, active
// and passive. Where nothing reads what they say, they do not.
func TestHelpersFTP(t *testing.T) {
	s := startSite(t, helpersPolicy)
	serveVsftpd(t, s.Outside)
	serveVsftpd(t, s.RS[0])
	for _, c := range []struct {
		name     string
		from     *nstest.Host
		own, url string
	}{
		{"zone", s.Office, "10.1.5.9", "8.8.8.8:21"},
		{"zone IPv6", s.Office, "fd01::9", "[2001:db8:8::8]:21"},
		{"nat", s.Outside, "8.8.8.8", "203.0.113.10:21"},
		{"nat IPv6", s.Outside, "2001:db8:8::8", "[2001:db8::10]:21"},
		{"fullnat", s.Outside, "8.8.8.8", "203.0.113.11:21"},
		{"fullnat IPv6", s.Outside, "2001:db8:8::8", "[2001:db8::11]:21"},
		{"another port", s.Outside, "8.8.8.8", "203.0.113.12:2121"},
	} {
		for _, way := range ftpWays {
			if strings.Contains(c.own, ":") && !strings.HasPrefix(way.word, "E") {
				continue // the old commands have no place for an IPv6 address
			}
			if r := fetch(t, c.from, c.own, "ftp://"+c.url+"/greeting", way.args); r.Stdout != greeting {
				t.Errorf("%s, %s: curl exits %d with %q, want the file\n%s\n%s", c.name, way.word, r.Code, r.Stdout, r.Stderr, output(t, s.Gateway, "conntrack", "-L"))
			}
		}
	}
	for _, c := range []struct {
		name     string
		from     *nstest.Host
		own, url string
		way      int
	}{
		{"zone without helpers", s.Guests, "10.2.5.9", "8.8.8.8:21", 2},
		{"service without helpers", s.Outside, "8.8.8.8", "203.0.113.13:21", 1},
	} {
		way := ftpWays[c.way]
		if r := fetch(t, c.from, c.own, "ftp://"+c.url+"/greeting", way.args, "--max-time", "3"); r.Code == 0 {
			t.Errorf("%s, %s: curl gets %q, although nothing reads what it says", c.name, way.word, r.Stdout)
		}
	}
	var control, data int
	for _, r := range decodeFlows(t, prints(t, s.Gateway, "flows", "--format", "json", "--service", "fullnat")) {
		if strings.HasSuffix(*r.Dst, ":21") {
			control++
		} else {
			data++
		}
		if r.RealServer == nil || !strings.HasPrefix(*r.RealServer, "192.168.1.1:") && !strings.HasPrefix(*r.RealServer, "[fd05::1]:") {
			t.Errorf("the flow to %s belongs to no real server", *r.Dst)
		}
	}
	if control != 6 || data < 6 {
		t.Errorf("%d control and %d data connections belong to service fullnat, want 6 of each", control, data)
	}
	if past := prints(t, s.Gateway, "flows", "--past", "--format", "json"); len(decodeFlows(t, past)) != 0 {
		t.Errorf("flows that are not the policy's:\n%s", past)
	}
}

// Files come by TFTP, whose answers come from another port.
func TestHelpersTFTP(t *testing.T) {
	s := startSite(t, helpersPolicy)
	dir := greetingDir(t)
	for _, h := range []*nstest.Host{s.Outside, s.RS[0]} {
		speak(t, h, "in.tftpd", "--foreground", "--secure", "--user", "nobody", "--address", "[::]:69", dir)
	}
	for _, c := range []struct {
		name     string
		from     *nstest.Host
		own, url string
	}{
		{"zone", s.Office, "10.1.5.9", "8.8.8.8"},
		{"zone IPv6", s.Office, "fd01::9", "[2001:db8:8::8]"},
		{"nat", s.Outside, "8.8.8.8", "203.0.113.10"},
		{"fullnat", s.Outside, "8.8.8.8", "203.0.113.11"},
		{"fullnat IPv6", s.Outside, "2001:db8:8::8", "[2001:db8::11]"},
	} {
		if r := fetch(t, c.from, c.own, "tftp://"+c.url+"/greeting", nil); r.Stdout != greeting {
			t.Errorf("%s: curl exits %d with %q, want the file\n%s\n%s", c.name, r.Code, r.Stdout, r.Stderr, output(t, s.Gateway, "conntrack", "-L"))
		}
	}
	if r := fetch(t, s.Outside, "8.8.8.8", "tftp://203.0.113.13/greeting", nil, "--max-time", "3"); r.Code == 0 {
		t.Errorf("service without helpers: curl gets %q, although nothing reads what it says", r.Stdout)
	}
}

// fetch asks a server for a file.
func fetch(t *testing.T, h *nstest.Host, own, url string, args []string, more ...string) nstest.Result {
	t.Helper()
	return run(t, h, "curl", slices.Concat([]string{"--silent", "--show-error", "--verbose", "--max-time", "30", "--interface", own, url}, args, more)...)
}

const greeting = "hello, world\n"

// greetingDir makes a directory with one file that everybody may read.
func greetingDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "greeting")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.WriteFile(filepath.Join(dir, "greeting"), []byte(greeting), 0o644))
	must(t, os.Chmod(filepath.Join(dir, "greeting"), 0o644))
	must(t, os.Chmod(dir, 0o755))
	return dir
}

// serveVsftpd has vsftpd give the greeting to everybody, for both families.
func serveVsftpd(t *testing.T, h *nstest.Host) {
	t.Helper()
	dir, empty := greetingDir(t), greetingDir(t)
	must(t, os.Remove(filepath.Join(empty, "greeting")))
	conf := filepath.Join(t.TempDir(), "vsftpd.conf")
	must(t, os.WriteFile(conf, []byte(fmt.Sprintf(`listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root=%s
secure_chroot_dir=%s
connect_from_port_20=NO
pasv_promiscuous=NO
port_promiscuous=NO
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
`, dir, empty)), 0o644))
	speak(t, h, "vsftpd", conf)
	until(t, "vsftpd answers", func() bool {
		c, err := h.Dial("tcp", "127.0.0.1", "127.0.0.1:21")
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// speak starts a program that runs until the test ends.
func speak(t *testing.T, h *nstest.Host, argv ...string) {
	t.Helper()
	s, err := h.Speak(argv...)
	must(t, err)
	t.Cleanup(s.Stop)
}
