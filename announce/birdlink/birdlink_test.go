package birdlink

import (
	"bufio"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// bird answers as BIRD does.
func bird(t *testing.T, answers map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ctl")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.Write([]byte("0001 BIRD 2.0.12 ready.\n"))
				for r := bufio.NewScanner(c); r.Scan(); {
					c.Write([]byte(answers[r.Text()]))
				}
			}()
		}
	}()
	return path
}

func TestConn(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	path := bird(t, map[string]string{
		"configure check":            "0002-Reading configuration from /etc/bird/bird.conf\n0020 Configuration OK\n",
		"configure":                  "0002-Reading configuration from /etc/bird/bird.conf\n8002 /etc/bird/bird.conf:4:1 syntax error\n",
		`show protocols "snatctl_*"`: "2002-Name  Proto\n1002-snatctl_vips Static\n     more of it\n0000 \n",
		`show protocols "others_*"`:  "8003 No protocols match\n",
	})
	b, err := Dial([]string{nowhere, path})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Check(); err != nil {
		t.Error(err)
	}
	var refused *RefusedError
	if err := b.Configure(); !errors.As(err, &refused) || !strings.Contains(err.Error(), "bird.conf:4:1 syntax error") {
		t.Errorf("a configuration that cannot be is taken: %v", err)
	}
	for pattern, want := range map[string]bool{"snatctl_*": true, "others_*": false} {
		if has, err := b.Has(pattern); has != want || err != nil {
			t.Errorf("%s: %v, %v", pattern, has, err)
		}
	}
	if _, err := Dial([]string{nowhere}); !errors.Is(err, ErrAbsent) {
		t.Errorf("where nobody listens: %v", err)
	}
}
