package gateway

import (
	"testing"
	"time"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// Check reads the table once, also where the history has an entry that nobody knows about: so all that it
// says is about one moment.
func TestCheckReadsOnce(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	h, dir := nstest.NewHost(t, "gateway"), t.TempDir()
	sources := []policy.Source{{Name: "policy.yaml", Data: []byte("version: 1\nservices:\n  - {name: web, vip: 203.0.113.1, ports: tcp/80, real_servers: 192.168.1.1}\n")}}
	p, ds := read.Parse(sources)
	if p == nil {
		t.Fatal(ds.Error())
	}
	reads := 0
	o := Options{Table: "snatctl", StateDir: dir, Tell: func(e Event) {
		if e == Reading {
			reads++
		}
	}}
	err := h.Do(func() error {
		g, err := Hold(o)
		if err != nil {
			return err
		}
		defer g.Close()
		w, _ := Compile(p, sources)
		if _, err = g.Apply(t.Context(), w, ApplyOptions{Command: "apply"}); err != nil {
			return err
		}
		_, err = g.store.Add(history.Entry{Table: "snatctl", Time: time.Now(), State: history.Pending, Place: g.here}, sources)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	reads = 0
	err = h.Do(func() error {
		s, err := Check(t.Context(), o)
		if len(s.Dead) > 0 {
			t.Errorf("a whole gateway has problems: %v", s.Dead)
		}
		return err
	})
	if err != nil || reads != 1 {
		t.Errorf("Check reads the table %d times: %v", reads, err)
	}
}
