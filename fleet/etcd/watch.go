package etcd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ErrCompacted says that etcd has forgotten what was to be watched from: read again, and watch from there.
var ErrCompacted = errors.New("etcd has forgotten the changes since then (it was compacted)")

// mostEvent bounds the bytes of one message of a watch.
const mostEvent = 4 << 20

type wireWatch struct {
	Create struct {
		Key      []byte `json:"key"`
		End      []byte `json:"range_end,omitempty"`
		From     int64  `json:"start_revision,string,omitempty"`
		Progress bool   `json:"progress_notify"`
		ID       int64  `json:"watch_id,string"`
	} `json:"create_request"`
}

// Watch calls changed for whatever happens to some keys from a revision on, with the revision after that. It
// returns nil when ctx is done, and an error in all other cases: also a stream that ends in good order is one
// that tells of nothing any more. It stays with one endpoint. changed must be quick.
func (c *Client) Watch(ctx context.Context, from int64, keys []Range, changed func(revision int64)) error {
	endpoint := c.Endpoint()
	err := c.watch(ctx, endpoint, from, keys, changed)
	if ctx.Err() != nil {
		return nil
	}
	if Passing(err) {
		c.Turn(endpoint)
	}
	return err
}

func (c *Client) watch(ctx context.Context, endpoint string, from int64, keys []Range, changed func(int64)) error {
	token, err := c.known(ctx, endpoint)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	for i, k := range keys {
		var w wireWatch
		w.Create.Key, w.Create.End, w.Create.From, w.Create.Progress, w.Create.ID = []byte(k.Key), []byte(k.End), from, true, int64(i+1)
		b, err := json.Marshal(w)
		if err != nil {
			return err
		}
		body.Write(b)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(answerTime, func() { cancel(errSilent) })
	defer late.Stop()
	resp, err := c.send(ctx, endpoint, "watch", token, body.Bytes())
	if err != nil {
		return c.failed(ctx, endpoint, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, mostSmall))
		err := refusal(endpoint, resp.StatusCode, b)
		if forgotten(err) {
			c.forget(token)
		}
		return err
	}
	err = c.follow(endpoint, resp.Body, len(keys), late, changed)
	if forgotten(err) {
		c.forget(token)
	}
	var refused *RefusedError
	switch {
	case errors.Is(err, io.EOF):
		return &UnreachableError{endpoint, errors.New("the watch has ended")}
	case errors.As(err, &refused), errors.Is(err, ErrCompacted):
		return err
	}
	return c.failed(ctx, endpoint, err)
}

// follow reads the messages of a watch, until it ends: it returns an error always.
func (c *Client) follow(endpoint string, body io.Reader, watchers int, late *time.Timer, changed func(int64)) error {
	bound := &io.LimitedReader{R: body, N: mostEvent}
	d := json.NewDecoder(bound)
	for {
		bound.N = mostEvent
		var m struct {
			Result struct {
				Header    header            `json:"header"`
				Created   bool              `json:"created"`
				Canceled  bool              `json:"canceled"`
				Reason    string            `json:"cancel_reason"`
				Compacted int64             `json:"compact_revision,string"`
				Events    []json.RawMessage `json:"events"`
			} `json:"result"`
			told
		}
		switch err := d.Decode(&m); {
		case err != nil && bound.N <= 0:
			return fmt.Errorf("a message of more than %d bytes", mostEvent)
		case err != nil:
			return err
		case len(m.Error) > 0:
			return within(endpoint, m.Error)
		case m.Result.Compacted > 0:
			return ErrCompacted
		case m.Result.Canceled:
			text := m.Result.Reason
			if text == "" {
				text = "the watch was cancelled"
			}
			return &RefusedError{endpoint, codeOf(text), text}
		}
		if watchers--; watchers == 0 {
			late.Stop() // all are there; from now on silence is good
		}
		if len(m.Result.Events) > 0 {
			changed(m.Result.Header.Revision)
		}
	}
}

// codeOf gives the reason of a cancelled watch the code that a request would get.
func codeOf(reason string) int {
	switch {
	case strings.Contains(reason, "no leader"):
		return codeUnavailable
	case strings.Contains(reason, "permission denied"):
		return codeDenied
	}
	return 0
}

// within reads an error that arrives inside a stream, whose status was good.
func within(endpoint string, raw json.RawMessage) error {
	var t told
	if json.Unmarshal(raw, &t) != nil {
		_ = json.Unmarshal(raw, &t.Message)
	}
	return &RefusedError{endpoint, max(t.Code, t.GRPCCode), t.text()}
}
