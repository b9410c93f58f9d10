package etcd

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// known returns the token of the user, and asks an endpoint for one if there is none. Without a user there is
// none.
func (c *Client) known(ctx context.Context, endpoint string) (string, error) {
	if c.o.User == "" {
		return "", nil
	}
	c.mu.Lock()
	defer c.mu.Unlock() // one asks for all
	if c.token != "" {
		return c.token, nil
	}
	pass, err := password(c.o.Password) // it may have been changed
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]string{"name": c.o.User, "password": pass})
	if err != nil {
		return "", err
	}
	var answer struct {
		Token string `json:"token"`
	}
	if err := c.post(ctx, endpoint, "auth/authenticate", "", body, &answer, mostSmall); err != nil {
		return "", fmt.Errorf("as user %s: %w", c.o.User, err)
	}
	if answer.Token == "" || strings.ContainsAny(answer.Token, "\r\n") {
		return "", fmt.Errorf("etcd at %s gives user %s no token", endpoint, c.o.User)
	}
	c.token = answer.Token
	return c.token, nil
}

// forget lets go of a token.
func (c *Client) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}
