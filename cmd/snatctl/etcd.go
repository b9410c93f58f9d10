package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/etcd"
	"github.com/snatctl/snatctl/fleet/store"
	"github.com/snatctl/snatctl/host"
)

// etcdOptions say where a fleet keeps its policy.
type etcdOptions struct {
	etcd.Options
	key string
}

// etcdFlags adds --etcd and what belongs to it.
func etcdFlags(c *cobra.Command, o *etcdOptions) {
	f := c.Flags()
	f.StringSliceVar(&o.Endpoints, "etcd", nil, "`endpoints` of etcd, separated by commas: https://HOST:2379 (docs/fleet.md)")
	f.StringVar(&o.key, "key", "", "with --etcd: the policy of the fleet stands below this `prefix`, such as /snatctl/prod")
	f.StringVar(&o.CA, "etcd-tls-ca", "", "with --etcd: trust the authorities in this `file` (PEM) instead of the system's")
	f.StringVar(&o.Cert, "etcd-tls-cert", "", "with --etcd: show the certificate in this `file` (PEM)")
	f.StringVar(&o.Key, "etcd-tls-key", "", "with --etcd: its key, a `file` (PEM)")
	f.StringVar(&o.User, "etcd-user", "", "with --etcd: be this `user`")
	f.StringVar(&o.Password, "etcd-password-file", "", "with --etcd: whose password is the first line of this `file`")
}

// given tells whether any of the flags is.
func (o *etcdOptions) given() bool {
	return len(o.Endpoints) > 0 || o.key != "" || o.CA != "" || o.Cert != "" || o.Key != "" || o.User != "" || o.Password != ""
}

// open returns the fleet that the flags name, and where its keys are.
func (o *etcdOptions) open(patience time.Duration) (*store.Store, *etcd.Client, fleet.Keys, error) {
	if len(o.Endpoints) == 0 || o.key == "" {
		return nil, nil, fleet.Keys{}, exit{exitUsage, errors.New("name the fleet: --etcd ENDPOINTS --key PREFIX")}
	}
	keys, err := fleet.KeysBelow(o.key)
	if err != nil {
		return nil, nil, keys, exit{exitUsage, fmt.Errorf("--key: %w", err)}
	}
	o.Patience = patience
	c, err := etcd.Open(o.Options)
	if err != nil {
		return nil, nil, keys, exit{exitUsage, fmt.Errorf("--etcd: %w", err)}
	}
	return store.Of(c, keys), c, keys, nil
}

// inClear is what to do where a password can be read on the way.
const inClear = "give https endpoints and --etcd-tls-ca"

// nodeName is the name of this node.
func nodeName(given string) (string, error) {
	if given == "" {
		var err error
		if given, err = host.Node(); err != nil {
			return "", err
		}
	}
	return given, fleet.CheckNode(given)
}
