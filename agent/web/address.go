package web

import (
	"fmt"
	"net"
)

// UnguardedError says that options open the gateway's knowledge to all who reach the address, or that they
// do not go together.
type UnguardedError struct{ text string }

// Error says what is missing.
func (e *UnguardedError) Error() string { return e.text }

// where finds the address, and checks that the options guard it.
func (o *Options) where() (*net.TCPAddr, error) {
	_, port, err := net.SplitHostPort(o.Address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return nil, &UnguardedError{fmt.Sprintf("--http %q is no ADDRESS:PORT: write 127.0.0.1:9310 or [::1]:9310", o.Address)}
	}
	at, err := net.ResolveTCPAddr("tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("--http %s: %w", o.Address, err)
	}
	switch {
	case (o.Cert == "") != (o.Key == ""):
		return nil, &UnguardedError{"--http-tls-cert and --http-tls-key go together: give both"}
	case o.ClientCA != "" && o.Cert == "":
		return nil, &UnguardedError{"--http-tls-client-ca asks for certificates of clients, which only TLS has: give --http-tls-cert and --http-tls-key, too"}
	case !at.IP.IsLoopback() && o.TokenFile == "" && o.ClientCA == "":
		return nil, &UnguardedError{fmt.Sprintf("--http %s is no address of loopback, so everybody who reaches it could read flows, addresses and names: "+
			"give --http-token-file, or --http-tls-cert, --http-tls-key and --http-tls-client-ca", o.Address)}
	}
	return at, nil
}
