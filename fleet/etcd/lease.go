package etcd

import (
	"context"
	"errors"
	"time"
)

// ErrExpired says that a lease has run out, and what it held is gone.
var ErrExpired = errors.New("the lease has run out")

type leased struct {
	ID  int64 `json:"ID,string"`
	TTL int64 `json:"TTL,string"`
}

// Grant makes a lease: what is put under it goes when it is not kept alive for that long.
func (c *Client) Grant(ctx context.Context, ttl time.Duration) (int64, error) {
	var answer leased
	err := c.call(ctx, "lease/grant", leased{TTL: int64(ttl / time.Second)}, &answer, mostSmall)
	return answer.ID, err
}

// KeepAlive lets a lease live for another time to live. It fails with ErrExpired where it is dead.
func (c *Client) KeepAlive(ctx context.Context, id int64) error {
	var answer struct {
		Result leased `json:"result"`
		told
	}
	err := c.call(ctx, "lease/keepalive", leased{ID: id}, &answer, mostSmall)
	switch {
	case err != nil:
		return err
	case len(answer.Error) > 0:
		return within(c.Endpoint(), answer.Error)
	case answer.Result.TTL <= 0:
		return ErrExpired
	}
	return nil
}

// Revoke ends a lease: what it held is gone at once.
func (c *Client) Revoke(ctx context.Context, id int64) error {
	var answer struct{}
	return c.call(ctx, "lease/revoke", leased{ID: id}, &answer, mostSmall)
}
