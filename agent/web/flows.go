package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/gateway"
)

// flowKeys are what flows are asked for by: the flags of `snatctl flows`, and the page.
var flowKeys = []string{"zone", "service", "laddr", "real-server", "client", "proto", "state", "past", "limit", "offset"}

// How many flows a page has.
const (
	usualPage = 1000
	mostPage  = 10000
)

// turnTime is how long a list waits for the one before it.
const turnTime = 10 * time.Second

// flows lists flows, a list at a time: each walks the kernel's whole table.
type flows struct {
	picture func() (*gateway.Picture, error)
	turn    chan struct{}
}

// flowPage is what somebody asks for.
type flowPage struct {
	selection     report.Selection
	limit, offset int
}

// list answers with a page of the list that `snatctl flows --format json` prints. If there are more, a Link
// names the next page (RFC 8288): the first of a flow table that changes all the time, so between two pages a
// flow may be missed or come twice.
func (l *flows) list(w http.ResponseWriter, r *http.Request, q url.Values) error {
	p, err := pageOf(q)
	if err != nil {
		return &refusal{http.StatusBadRequest, err.Error()}
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-r.Context().Done():
		return r.Context().Err()
	case <-time.After(turnTime):
		tooMany(w, r, "other lists of flows are being made")
		return nil
	}
	var page bytes.Buffer
	more, err := l.read(r.Context(), p, &page)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", typeJSON)
	if more {
		q.Set("offset", strconv.Itoa(p.offset+p.limit))
		w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, pathFlows, q.Encode()))
	}
	_, _ = page.WriteTo(w) // who asked is gone
	return nil
}

// read writes a page, and tells whether there are more flows behind it.
func (l *flows) read(ctx context.Context, p flowPage, to *bytes.Buffer) (more bool, err error) {
	picture, err := l.picture()
	if err == nil {
		picture, err = picture.Here()
	}
	if err != nil {
		return false, err
	}
	r, err := gateway.OpenReader(picture.Table)
	if err != nil {
		return false, err
	}
	defer r.Close()
	if err := p.selection.Known(picture.Bindings); err != nil {
		return false, &refusal{http.StatusNotFound, err.Error()}
	}
	index, ways := picture.Routed()
	defer ways.Close()
	list, skipped := report.NewFlowList(to), 0
	for f, err := range r.Flows(ctx) {
		if err != nil {
			return false, err
		}
		owner := index.Owner(f)
		if !p.selection.Match(f, &owner) {
			continue
		}
		if skipped < p.offset {
			skipped++
			continue
		}
		if more = list.Len() == p.limit; more {
			break
		}
		if err := list.Add(f, &owner); err != nil {
			return false, err
		}
	}
	return more, errors.Join(list.End(), ways.Err())
}

// pageOf reads a query.
func pageOf(q url.Values) (p flowPage, err error) {
	asked := report.Asked{Zone: q.Get("zone"), Service: q.Get("service"), Laddr: q.Get("laddr"), RealServer: q.Get("real-server"),
		Client: q.Get("client"), Proto: q.Get("proto"), State: q.Get("state")}
	if q.Has("past") {
		if asked.Past, err = strconv.ParseBool(q.Get("past")); err != nil {
			return p, fmt.Errorf("past: %q is neither true nor false", q.Get("past"))
		}
	}
	if p.selection, err = asked.Selection(); err != nil {
		return p, err
	}
	if p.limit, err = number(q, "limit", usualPage, 1, mostPage); err != nil {
		return p, err
	}
	p.offset, err = number(q, "offset", 0, 0, 1<<31-1)
	return p, err
}

// number reads a number of a query, which lies between two others.
func number(q url.Values, key string, usual, least, most int) (int, error) {
	if !q.Has(key) {
		return usual, nil
	}
	n, err := strconv.Atoi(q.Get(key))
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s: %q is no number from %d to %d", key, q.Get(key), least, most)
	}
	return n, nil
}
