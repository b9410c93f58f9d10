package gateway

import (
	"testing"
	"time"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/ha"
	"github.com/snatctl/snatctl/internal/nstest"
)

// placeOf is where a host is.
func placeOf(t *testing.T, h *nstest.Host) (p history.Place) {
	t.Helper()
	if err := h.Do(func() error { p = here(); return nil }); err != nil {
		t.Fatal(err)
	}
	return p
}

// A namespace that has the number of one that is gone is another place all the same: the policies of that one were
// not applied here, and its role is not this one's.
func TestPlaceOfAnother(t *testing.T) {
	nstest.Require(t)
	h := nstest.NewHost(t, "gateway")
	is := placeOf(t, h)
	if is.Cookie == 0 {
		t.Skip("this kernel gives namespaces no cookie (SO_NETNS_COOKIE, Linux 5.14)")
	}
	if again := placeOf(t, h); is.Elsewhere(again) || again != is {
		t.Errorf("one namespace is %+v and %+v", is, again)
	}
	other := is
	other.Cookie++
	unknown := is
	unknown.Cookie = 0
	for _, c := range []struct {
		of        history.Place
		elsewhere bool
	}{{is, false}, {other, true}, {unknown, false}, {history.Place{}, false}, {placeOf(t, nstest.NewHost(t, "neighbour")), true}} {
		if got := c.of.Elsewhere(is); got != c.elsewhere {
			t.Errorf("%+v is elsewhere: %v, want %v", c.of, got, c.elsewhere)
		}
	}

	role := func() (c *RoleChange) {
		t.Helper()
		if err := h.Do(func() (err error) { c, err = LastRole("snatctl"); return err }); err != nil {
			t.Fatal(err)
		}
		return c
	}
	keep := func(at history.Place) {
		t.Helper()
		err := h.Do(func() error {
			base, err := lockPath("snatctl", makeDir)
			if err == nil {
				err = writeRole(base, keptRole{RoleChange{Role: ha.Primary, At: time.Now(), Done: true}, at})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	keep(other)
	if c := role(); c != nil {
		t.Errorf("the role of another namespace counts: %+v", c)
	}
	for _, at := range []history.Place{is, {}} { // an earlier snatctl kept no place
		keep(at)
		if c := role(); c == nil || c.Role != ha.Primary || !c.Done {
			t.Errorf("the role that was kept at %+v is %+v", at, c)
		}
	}
}
