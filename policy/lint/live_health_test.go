package lint

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

const checked = `version: 1
health_checks:
  web: {type: http, host: "www.example.com:8080"}
  shop: {type: https, host: shop.example.com, sni: tls.example.com, ca: /etc/ca.pem}
  six: {type: http, host: "[2001:db8::1]:80"}
  four: {type: http, host: 192.0.2.1}
  mail: {type: smtp, host: gw.example.com}
  base: {type: exec, command: [/bin/check, -x]}
services:
  - {name: a, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2], health_check: {type: exec, command: /bin/other}}
`

// TestWantedOfChecks holds which files and names a host is asked about.
func TestWantedOfChecks(t *testing.T) {
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(checked)}})
	if p == nil {
		t.Fatal(ds)
	}
	if diff := cmp.Diff([]string{"/bin/check", "/bin/other", "/etc/ca.pem"}, CheckFiles(p)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"shop.example.com", "tls.example.com", "www.example.com"}, CheckNames(p)); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		name string
		host Host
		want int
	}{
		{"nothing known", Host{}, 0},
		{"others known", Host{Files: map[string]File{"/bin/else": {}}, Names: map[string]bool{"example.org": false}}, 0},
		{"all well", Host{Files: map[string]File{"/bin/check": {true, true, false}, "/bin/other": {true, true, true}, "/etc/ca.pem": {true, false, true}}, Names: map[string]bool{"www.example.com": true}}, 0},
		{"all bad", Host{Files: map[string]File{"/bin/check": {true, false, true}, "/bin/other": {}, "/etc/ca.pem": {true, true, false}}, Names: map[string]bool{"www.example.com": false, "tls.example.com": false}}, 5},
	} {
		found := slices.DeleteFunc(CheckHost(p, c.host), func(d policy.Diagnostic) bool { return d.Code != "A10" && d.Code != "A11" })
		if len(found) != c.want {
			t.Errorf("%s: %d findings, want %d:\n%v", c.name, len(found), c.want, found.Error())
		}
	}
}
