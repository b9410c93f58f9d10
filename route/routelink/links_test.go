package routelink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// Links are as the kernel's events say: up, without a carrier, down, of another name, made anew, gone.
func TestLinks(t *testing.T) {
	w := nstest.New(t, nstest.Options{RealServers: 1})
	var l Links
	if _, known := l.Find("wan0"); known {
		t.Error("links are known before anybody looked")
	}
	ctx, cancel := context.WithCancel(t.Context())
	changed, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- w.Gateway.Do(func() error {
			return l.Watch(ctx, func() {
				select {
				case changed <- struct{}{}:
				default:
				}
			})
		})
	}()
	steps := []struct {
		on   *nstest.Host
		do   string
		want string // of wan0, wan9
	}{
		{w.Outside, "true", "carries, none"},
		{w.Outside, "ip link set wan0 down", "silent, none"},
		{w.Outside, "ip link set wan0 up", "carries, none"},
		{w.Gateway, "ip link set wan0 down", "silent, none"},
		{w.Gateway, "ip link set wan0 name wan9", "none, silent"},
		{w.Gateway, "ip link set wan9 up", "none, carries"},
		{w.Gateway, "ip link set wan9 down; ip link set wan9 name wan0; ip link set wan0 up", "carries, none"},
		{w.Gateway, "ip link add br0 type bridge; ip link set wan0 master br0; ip link set wan0 nomaster", "carries, none"},
		{w.Gateway, "ip link del wan0", "none, none"},
		{w.Gateway, "ip link add wan0 type veth peer name peer0; ip link set wan0 up; ip link set peer0 up", "carries, none"},
	}
	first := 0
	for _, s := range steps {
		out(t, s.on, s.do)
		is := func() string { return said(&l, "wan0") + ", " + said(&l, "wan9") }
		for end := time.After(10 * time.Second); is() != s.want; {
			select {
			case <-changed:
			case <-end:
				t.Fatalf("after %q: %s, want %s", s.do, is(), s.want)
			}
		}
		link, _ := l.Find("wan0")
		if first == 0 {
			first = link.Index
		}
		if again := strings.Contains(s.do, "type veth"); link.Index != 0 && (link.Index != first) != again {
			t.Errorf("after %q: index %d, at first %d", s.do, link.Index, first)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended: %v", err)
	}
}

func said(l *Links, name string) string {
	switch link, known := l.Find(name); {
	case !known:
		return "unknown"
	case link == (Link{}):
		return "none"
	case link.Carries:
		return "carries"
	}
	return "silent"
}

func out(t *testing.T, h *nstest.Host, script string) {
	t.Helper()
	if _, err := h.Output(t.Context(), "sh", "-ec", script); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", script, err))
	}
}
