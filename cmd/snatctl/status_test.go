package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

func TestStatusNarrow(t *testing.T) {
	for _, c := range []struct {
		names nameFilter
		want  string // how many services, zones, or the error
	}{
		{nameFilter{}, "4 2"},
		{nameFilter{service: "web"}, "1 0"},
		{nameFilter{zone: "lab"}, "0 1"},
		{nameFilter{service: "web", zone: "lab"}, "1 1"},
		{nameFilter{service: "lab"}, "the table has no service \"lab\" (did you mean \"web\"?): `snatctl status --all` lists all"},
		{nameFilter{zone: "web"}, "the table has no zone \"web\" (did you mean \"lab\"?): `snatctl status --all` lists all"},
	} {
		p := ct.Report{Services: []ct.ServiceReport{{Name: "dns"}, {Name: "idle"}, {Name: "large"}, {Name: "web"}}, Zones: []ct.ZoneReport{{Name: "lab"}, {Name: "office"}}}
		got := ""
		if err := c.names.narrow(&p); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprint(len(p.Services), len(p.Zones))
		}
		if got != c.want {
			t.Errorf("%+v: got %s, want %s", c.names, got, c.want)
		}
	}
}

// The exit status of --check is that of the worst problem.
func TestCheckStatus(t *testing.T) {
	defer func(w *plain.Writer) { stdout = w }(stdout)
	stdout = plain.NewWriter(io.Discard, false)
	idle := ct.Report{Services: []ct.ServiceReport{{Name: "idle", Mode: "nat"}}} // has no real servers
	dead := []ct.Problem{{Severity: ct.Critical, Object: "gateway", Text: "forwards no IPv4"}}
	for _, c := range []struct {
		s    gateway.Survey
		want int
	}{
		{gateway.Survey{}, 0},
		{gateway.Survey{Report: idle}, exitWarning},
		{gateway.Survey{Report: idle, Dead: dead}, exitCritical},
	} {
		var status exit
		errors.As(check(c.s, nil, "text"), &status)
		if status.code != c.want {
			t.Errorf("%+v: the exit status is %d, want %d", c.s, status.code, c.want)
		}
	}
}

// Nothing that is no terminal gets colours.
func TestNoColours(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if colourful(f) {
		t.Error("a file gets colours")
	}
}
