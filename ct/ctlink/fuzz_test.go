package ctlink

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/nfnl"
)

// Whatever bytes come from a socket: reading them neither panics nor loops, and what they
// give can be named to the kernel again. The corpus is what a kernel sent;
// `go test -run TestSeeds -seeds` makes it anew.

func FuzzEvent(f *testing.F) {
	f.Add(destroyed())
	f.Fuzz(func(t *testing.T, data []byte) {
		var e, again ct.Event
		if decodeEvent(data, &e) != nil {
			return
		}
		if e.Kind == 0 || e.Kind > ct.Destroy {
			t.Errorf("the event is of kind %d", e.Kind)
		}
		// A flow with addresses, as all have, is found by the key that is made of it.
		if r := e.Flow.Reply; !r.Src.IsValid() || !r.Dst.IsValid() || r.Src.Addr().Is6() != r.Dst.Addr().Is6() {
			return
		}
		k := KeyOf(&e.Flow)
		if err := decodeEvent(appendDelete(nil, &k, 1), &again); err != nil || again.Flow.ID != k.ID || again.Flow.ReplyCTZone != k.CTZone || again.Flow.Reply.Src != k.Reply.Src {
			t.Errorf("%+v is read as %+v (%v) after writing it", k, KeyOf(&again.Flow), err)
		}
	})
}

// FuzzAnswers reads datagrams as the socket for requests does.
func FuzzAnswers(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		for b := data; len(b) > 0; {
			m, rest, err := nfnl.Cut(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			_ = nfnl.Errno(m.Data)
			b = rest
		}
	})
}

var seeds = flag.Bool("seeds", false, "write the corpus anew from what this kernel sends")

// TestSeeds writes the fuzz corpus: the events of a few flows and the answers to requests.
func TestSeeds(t *testing.T) {
	if !*seeds {
		t.Skip("-seeds writes the corpus")
	}
	h := nstest.NewHost(t, "gateway")
	r, err := h.RunInput(t.Context(), "table inet t { chain o { type nat hook output priority -100; ct state new dnat ip to 127.0.0.2; }; }", "nft", "-f", "-")
	if err != nil || r.Code != 0 {
		t.Fatalf("nft -f: %v: %s", err, r.Stderr)
	}
	for _, key := range []string{"acct", "timestamp", "events"} {
		if err := h.Sysctl("net/netfilter/nf_conntrack_"+key, "1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Do(func() error { return record(t, h) }); err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, h *nstest.Host) error {
	s, err := Listen(ListenOptions{})
	if err != nil {
		return err
	}
	defer s.Close()
	_ = h.ServeTCP("127.0.0.2:80")
	_, _ = h.Ask("tcp", "", "127.0.0.1:80")
	_ = h.Ping(t.Context(), "", "127.0.0.1")
	_ = h.Ping(t.Context(), "", "::1")
	c, err := Open()
	if err != nil {
		return err
	}
	defer c.Close()
	for i, req := range []struct{ typ, flags uint16 }{{ctGet, unix.NLM_F_DUMP}} {
		b := appendHeader(nil, req.typ, req.flags, 1, unix.AF_UNSPEC)
		binary.NativeEndian.PutUint32(b, uint32(len(b)))
		if err := c.send(b); err != nil {
			return err
		}
		if b, err = c.recv(); err != nil {
			return err
		}
		seed(t, "FuzzAnswers", i, b)
		if req.flags != 0 {
			if _, err := c.recv(); err != nil { // the end of the dump
				return err
			}
		}
	}
	if err := h.FlushFlows(t.Context()); err != nil {
		return err
	}
	if err := s.in.fill(s.fd); err != nil {
		return err
	}
	for i := range s.in.n {
		seed(t, "FuzzEvent", i, s.in.space[i*slotSize:][:s.in.heads[i].Len])
	}
	return nil
}

func seed(t *testing.T, target string, i int, b []byte) {
	t.Helper()
	dir := filepath.Join("testdata", "fuzz", target)
	text := fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", b)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("kernel-%02d", i)), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
