package etcd

import (
	"context"
	"encoding/base64"
	"errors"
)

// Item is a key with what is known of it. 64-bit numbers are strings in JSON, as protobuf wants it
// (protobuf.dev/programming-guides/json), and bytes are base64.
type Item struct {
	Key      Bytes `json:"key"`
	Value    Bytes `json:"value"`
	Created  int64 `json:"create_revision,string"`
	Modified int64 `json:"mod_revision,string"`
	Lease    int64 `json:"lease,string"`
}

// Bytes are as JSON has them: base64. Large values are read in half the time that package json takes, which
// looks for escapes that base64 never has.
type Bytes []byte

// UnmarshalJSON reads a text of JSON.
func (b *Bytes) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	if len(text) < 2 || text[0] != '"' {
		return errors.New("bytes are no text")
	}
	text = text[1 : len(text)-1]
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(out, text)
	*b = out[:n]
	return err
}

// Bounds of answers, in bytes.
const (
	mostSmall  = 1 << 20  // that say that something is done
	mostAnswer = 64 << 20 // with what was asked for: all reports of a large fleet
)

// After is the key that follows all that begin in some way.
func After(begins string) string {
	b := []byte(begins)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return "\x00" // all keys (etcd's rpc.proto, RangeRequest.range_end)
}

// Range asks for a key, or with End for all keys from it up to End. Limit 0: all.
type Range struct {
	Key, End string
	KeysOnly bool
	Limit    int64
}

// All asks for all keys that begin in some way.
func All(begins string) Range { return Range{Key: begins, End: After(begins)} }

// Compare holds a key, or all from it up to End, against a number. A key that is missing has 0.
type Compare struct {
	Key, End string
	Target   Target
	Is       int64
}

// Target is what of a key is compared.
type Target string

// The targets.
const (
	Created  Target = "CREATE"
	Modified Target = "MOD"
	Leased   Target = "LEASE"
)

// Op is one operation of a transaction: the one that is not nil.
type Op struct {
	Get    *Range
	Put    *Put
	Delete *Range
}

// Put writes a key. Keep leaves the value as it is, and gives the key another lease.
type Put struct {
	Key   string
	Value []byte
	Lease int64 // 0: none
	Keep  bool
}

// Txn is a transaction: if all comparisons hold, Then is done, otherwise Else.
type Txn struct {
	If   []Compare
	Then []Op
	Else []Op
}

// Outcome is what became of a transaction.
type Outcome struct {
	Held     bool     // the comparisons
	Revision int64    // of etcd afterwards
	Got      [][]Item // of each Get, in their order
}

// header is at the beginning of all answers.
type header struct {
	Revision int64 `json:"revision,string"`
}

type gotten struct {
	Kvs  []Item `json:"kvs"`
	More bool   `json:"more"`
}

// Do carries out a transaction. After an UnreachableError it may have been carried out or not.
func (c *Client) Do(ctx context.Context, t Txn) (Outcome, error) {
	return c.do(ctx, t, mostAnswer)
}

// do is Do with another bound of the answer, in bytes.
func (c *Client) do(ctx context.Context, t Txn, most int64) (out Outcome, err error) {
	var answer struct {
		Header    header `json:"header"`
		Succeeded bool   `json:"succeeded"`
		Responses []struct {
			Range *gotten `json:"response_range"`
		} `json:"responses"`
	}
	if err = c.call(ctx, "kv/txn", t.wire(), &answer, most); err != nil {
		return out, err
	}
	out = Outcome{Held: answer.Succeeded, Revision: answer.Header.Revision}
	for _, r := range answer.Responses {
		if r.Range != nil {
			out.Got = append(out.Got, r.Range.Kvs)
		}
	}
	return out, nil
}

// Get reads keys at one moment, and says at which revision that was.
func (c *Client) Get(ctx context.Context, ranges ...Range) ([][]Item, int64, error) {
	t := Txn{}
	for i := range ranges {
		t.Then = append(t.Then, Op{Get: &ranges[i]})
	}
	out, err := c.Do(ctx, t)
	if err == nil && len(out.Got) != len(ranges) {
		out.Got = append(out.Got, make([][]Item, len(ranges)-len(out.Got))...)
	}
	return out.Got, out.Revision, err
}

// One reads one key, which may have a value of so many bytes; nil: there is none.
func (c *Client) One(ctx context.Context, key string, most int) (*Item, error) {
	out, err := c.do(ctx, Txn{Then: []Op{{Get: &Range{Key: key}}}}, mostSmall+int64(most)*4/3)
	if err != nil || len(out.Got) == 0 || len(out.Got[0]) == 0 {
		return nil, err
	}
	return &out.Got[0][0], nil
}
