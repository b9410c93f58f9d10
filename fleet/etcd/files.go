package etcd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// mostFile bounds the bytes of files.
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
	key, err := secret(o.Key)
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
	b, err := secret(path)
	if err != nil {
		return "", fmt.Errorf("the password for etcd: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimRight(line, "\r"); line == "" {
		return "", fmt.Errorf("the password for etcd: the first line of %s is empty", path)
	}
	return line, nil
}

// secret reads a file that nobody but its owner and group may read.
func secret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Mode().Perm()&0o027 != 0:
		return nil, fmt.Errorf("%s may be read by all, or written by others than its owner (mode %04o): chmod 600 %[1]s", path, info.Mode().Perm())
	}
	return read(path)
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
