package etcd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/snatctl/snatctl/secret"
)

// mostFile bounds the bytes of certificates.
const mostFile = 1 << 20

// trust gives a connection the authorities of etcd's certificates.
func (o Options) trust(t *tls.Config) error {
	if o.CA == "" {
		return nil
	}
	b, err := read(o.CA)
	if err != nil {
		return fmt.Errorf("the authorities of etcd's certificates: %w", err)
	}
	t.RootCAs = x509.NewCertPool()
	if !t.RootCAs.AppendCertsFromPEM(b) {
		return fmt.Errorf("the authorities of etcd's certificates: %s holds no certificate (PEM)", o.CA)
	}
	return nil
}

// identity reads the certificate that says who this is.
func (o Options) identity() (*tls.Certificate, error) {
	key, err := secret.Read(o.Key)
	if err != nil {
		return nil, fmt.Errorf("the key of the certificate for etcd: %w", err)
	}
	cert, err := read(o.Cert)
	if err != nil {
		return nil, fmt.Errorf("the certificate for etcd: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("the certificate for etcd, %s with key %s: %w", o.Cert, o.Key, err)
	}
	return &pair, nil
}

// password reads a password: the first line of a file.
func password(path string) (string, error) {
	b, err := secret.Read(path)
	if err != nil {
		return "", fmt.Errorf("the password for etcd: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimRight(line, "\r"); line == "" {
		return "", fmt.Errorf("the password for etcd: the first line of %s is empty", path)
	}
	return line, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err == nil && len(b) > mostFile {
		err = errors.New(path + " is larger than such files are")
	}
	return b, err
}
