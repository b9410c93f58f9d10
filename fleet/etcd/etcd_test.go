package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snatctl/snatctl/fleet/etcd"
)

func open(t *testing.T, o etcd.Options) *etcd.Client {
	t.Helper()
	c, err := etcd.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve is what answers in etcd's place.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// What is no endpoint, and what does not fit together, is refused before anybody is asked.
func TestOpen(t *testing.T) {
	open666 := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(open666, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open666, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    etcd.Options
		want string
	}{
		{etcd.Options{}, "no endpoint"},
		{etcd.Options{Endpoints: []string{"ftp://a"}}, "no endpoint"},
		{etcd.Options{Endpoints: []string{"https://a/b"}}, "no endpoint"},
		{etcd.Options{Endpoints: []string{"http://user:secret@a"}}, "no endpoint"},
		{etcd.Options{Endpoints: []string{""}}, "no endpoint"},
		{etcd.Options{Endpoints: []string{"a"}, User: "u"}, "needs a file"},
		{etcd.Options{Endpoints: []string{"a"}, User: "u", Password: open666}, "may be read by all"},
		{etcd.Options{Endpoints: []string{"a"}, Cert: "c"}, "needs its key"},
		{etcd.Options{Endpoints: []string{"a"}, CA: "/nonexistent"}, "no such file"},
	} {
		if _, err := etcd.Open(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}

// Whatever answers, the client says what is wrong, in bounded memory and time.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   string
		passes bool
	}{
		{"a page", 200, "<html>", "is no etcd", false},
		{"a page of a proxy", 502, "<html>", "HTTP status 502", true},
		{"not there", 404, "404 page not found", "is it one", false},
		{"denied", 403, `{"error":"etcdserver: permission denied","code":7}`, "lacks the right", false},
		{"no leader", 503, `{"error":"etcdserver: no leader","code":14}`, "no leader", true},
		{"as of 3.5", 503, `{"code":14,"message":"etcdserver: leader changed"}`, "leader changed", true},
		{"full", 429, `{"error":"etcdserver: mvcc: database space exceeded","code":8}`, "compact and defragment", false},
		{"a number that is none", 200, `{"header":{"revision":"x"}}`, "is no etcd", false},
		{"endless", 200, strings.Repeat(" ", 3<<20), "more than", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := atomic.Int32{}
			h := func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}
			client := open(t, etcd.Options{Endpoints: []string{serve(t, h), serve(t, h)}})
			_, err := client.One(t.Context(), "key", 100)
			if err == nil || !strings.Contains(err.Error(), c.want) || etcd.Passing(err) != c.passes {
				t.Errorf("the error is %v (passing: %v), want %q", err, etcd.Passing(err), c.want)
			}
			if want := map[bool]int32{true: 2, false: 1}[c.passes]; asked.Load() != want {
				t.Errorf("%d endpoints were asked, want %d", asked.Load(), want)
			}
		})
	}
}

// A watch ends with an error, however the stream does.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	created := `{"result":{"header":{"revision":"7"},"created":true}}` + "\n"
	for _, c := range []struct{ name, body, want string }{
		{"in good order", created, "the watch has ended"},
		{"cut", created + `{"result":{"hea`, "unexpected EOF"},
		{"etcd ends", created + `{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: server stopped"}}`, "server stopped"},
		{"as of 3.5", created + `{"error":{"code":14,"message":"etcdserver: server stopped"}}`, "server stopped"},
		{"compacted", created + `{"result":{"header":{"revision":"9"},"canceled":true,"compact_revision":"8"}}`, etcd.ErrCompacted.Error()},
		{"denied", created + `{"result":{"header":{},"canceled":true,"cancel_reason":"rpc error: code = PermissionDenied desc = etcdserver: permission denied"}}`, "lacks the right"},
		{"garbage", "<html>", "invalid character"},
		{"endless", created + `{"x":"` + strings.Repeat("x", 5<<20), "a message of more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := open(t, etcd.Options{Endpoints: []string{serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.body) })}})
			err := client.Watch(t.Context(), 1, []etcd.Range{{Key: "a"}}, func(int64) { t.Error("something has changed") })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
		})
	}
}

// An endpoint that takes a request and is silent costs some seconds, once.
func TestSilent(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	silent := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	good := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"header":{"revision":"1"},"succeeded":true}`)
	})
	client := open(t, etcd.Options{Endpoints: []string{silent, good}})
	for range 2 {
		if _, err := client.One(t.Context(), "key", 100); err != nil {
			t.Fatal(err)
		}
	}
	if client.Endpoint() != good {
		t.Errorf("the endpoint is %s", client.Endpoint())
	}
	client = open(t, etcd.Options{Endpoints: []string{silent}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := client.Watch(ctx, 1, []etcd.Range{{Key: "a"}}, func(int64) {})
	var unreachable *etcd.UnreachableError
	if !errors.As(err, &unreachable) || ctx.Err() != nil {
		t.Errorf("the watch ends with %v", err)
	}
}

// Keys that begin in some way end before the one that After says.
func TestAfter(t *testing.T) {
	for begins, want := range map[string]string{"/a/": "/a0", "a\xff": "b", "\xff": "\x00"} {
		if got := etcd.After(begins); got != want {
			t.Errorf("after %q comes %q, want %q", begins, got, want)
		}
	}
}
