package etcd

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// UnreachableError says that an endpoint does not answer.
type UnreachableError struct {
	Endpoint string
	Err      error
}

// Error says which, and why.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("etcd at %s cannot be reached: %v", e.Endpoint, e.Err)
}

// Unwrap returns why.
func (e *UnreachableError) Unwrap() error { return e.Err }

// RefusedError is what etcd says against a request.
type RefusedError struct {
	Endpoint string
	Code     int // of gRPC (grpc.github.io/grpc/core/md_doc_statuscodes.html)
	Text     string
}

// Error says it.
func (e *RefusedError) Error() string {
	text := fmt.Sprintf("etcd at %s refuses: %s", e.Endpoint, e.Text)
	switch {
	case strings.Contains(e.Text, "user name is empty"):
		text += " (it wants a user and a password)"
	case e.Code == codeDenied:
		text += " (the user's role lacks the right: docs/fleet.md lists the rights)"
	case strings.Contains(e.Text, "database space exceeded"):
		text += " (etcd is full: compact and defragment it, then `etcdctl alarm disarm`)"
	}
	return text
}

// Codes of gRPC that are told apart here.
const (
	codeLate        = 4
	codeDenied      = 7
	codeExhausted   = 8
	codeUnavailable = 14
	codeUnknownUser = 16
)

// told is an error as the gateway writes it: in an answer, or within a stream.
type told struct {
	Error    json.RawMessage `json:"error"` // text, or an object with the rest
	Message  string          `json:"message"`
	Code     int             `json:"code"`
	GRPCCode int             `json:"grpc_code"`
}

// refusal reads an answer that is an error.
func refusal(endpoint string, status int, body []byte) error {
	var t told
	if json.Unmarshal(body, &t) != nil || len(t.Error) == 0 && t.Message == "" {
		if status >= 500 || status == 429 { // a proxy between
			return &UnreachableError{endpoint, fmt.Errorf("HTTP status %d", status)}
		}
		return &RefusedError{endpoint, 0, fmt.Sprintf("HTTP status %d, and no word of etcd: is it one, of 3.4 or later?", status)}
	}
	return &RefusedError{endpoint, max(t.Code, t.GRPCCode), t.text()}
}

func (t told) text() string {
	var text string
	if t.Message == "" && json.Unmarshal(t.Error, &text) == nil {
		return text
	}
	return t.Message
}

// Passing tells whether it makes sense to ask another endpoint, or again. What was asked for may have been done.
func Passing(err error) bool {
	var refused *RefusedError
	if !errors.As(err, &refused) {
		var silent *UnreachableError
		return errors.As(err, &silent)
	}
	switch refused.Code {
	case codeLate, codeUnavailable:
		return true
	case codeExhausted:
		return !strings.Contains(refused.Text, "database space")
	}
	return false
}

// forgotten tells whether etcd does not know a token any more.
func forgotten(err error) bool {
	var refused *RefusedError
	return errors.As(err, &refused) && (refused.Code == codeUnknownUser || strings.Contains(refused.Text, "invalid auth token") || strings.Contains(refused.Text, "revision of auth store is old") || strings.Contains(refused.Text, "revision in header is old"))
}
