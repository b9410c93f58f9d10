package web

import (
	"fmt"
	"io"
	"net/http"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/plain"
)

// MountHealth mounts what service managers and load balancers ask for: /healthz says that the process
// answers, /readyz that the table is as it should be.
func (s *Server) MountHealth(now func() agent.Snapshot) {
	s.Mount("/healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }))
	s.Mount("/readyz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if why := unready(now()); why != "" {
			say(w, http.StatusServiceUnavailable, why)
			return
		}
		say(w, http.StatusOK, "ok")
	}))
}

func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") // who asked is gone
}

// unready says why the table is not as it should be; empty if it is. A newer policy that is refused does
// not count: the one in force goes on, and a typing error must not take a gateway out of service.
func unready(s agent.Snapshot) string {
	switch n := len(s.Drift.Standing); {
	case s.Policy.Hash == "":
		return "no policy is in force"
	case s.Policy.LastGood:
		return "the last good policy is in force, since that of the files is refused: " + plain.Text(s.Policy.Error)
	case n > 0:
		return fmt.Sprintf("the table differs from the policy: %s", plain.Count(n, "change"))
	}
	return ""
}
