package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// agent starts an agent in a host, and waits until its policy is in force.
func (b *bench) agent(ctx context.Context, h *nstest.Host, name string, policy []byte, args ...string) (*nstest.Speaker, error) {
	file, err := b.write(name+".yaml", policy)
	if err != nil {
		return nil, err
	}
	at := filepath.Join(b.dir, name)
	s, err := h.Speak(append([]string{b.snatctl, "agent", "-f", file, "--state-dir", at + ".state", "--socket", at + ".sock"}, args...)...)
	if err != nil {
		return nil, err
	}
	if _, err := s.Hear(ctx, time.Minute, "msg=policy_applied"); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}
