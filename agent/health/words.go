package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"time"
)

// localError is a fault of this machine, which says nothing about the server.
type localError struct{ err error }

func (e localError) Error() string { return e.err.Error() }
func (e localError) Unwrap() error { return e.err }

// dialError is how an attempt to connect ended.
type dialError struct{ err error }

func (e dialError) Error() string { return e.err.Error() }
func (e dialError) Unwrap() error { return e.err }

// streams are the types of checks that wait for an answer after they have connected.
var streams = []string{TCP, HTTP, HTTPS, SMTP}

// local lists what connect, socket and fork return when this machine lacks something.
var local = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.EAGAIN}

// judge turns how a check ended into its result.
func judge(err error, k *Check) result {
	if err == nil {
		return result{}
	}
	if e, ok := errors.AsType[localError](err); ok {
		return result{problem: "not checked: " + e.Error(), local: true}
	}
	for _, e := range local {
		if errors.Is(err, e) && !k.Via.lacksWay(e) {
			return result{problem: "not checked: " + e.Error(), local: true}
		}
	}
	return result{problem: words(err, k)}
}

func noAnswer(timeout time.Duration) string { return "no answer in " + timeout.String() }

// plainly says the usual errors of the network in short.
var plainly = []struct {
	errno syscall.Errno
	words string
}{
	{syscall.ECONNREFUSED, "connection refused"},
	{syscall.ECONNRESET, "connection reset"},
	{syscall.EPIPE, "connection reset"},
	{syscall.EHOSTUNREACH, "host unreachable"},
	{syscall.ENETUNREACH, "network unreachable"},
	{syscall.ETIMEDOUT, "no answer"},
	{syscall.EACCES, "forbidden by a firewall"},
	{syscall.EPERM, "forbidden by this machine's firewall"},
	{syscall.EADDRNOTAVAIL, "the interface has no address"},
	{syscall.ENOBUFS, "the interface takes no packets"},
}

// words says an error so that it is understood without looking it up.
func words(err error, k *Check) string {
	for _, p := range plainly {
		if errors.Is(err, p.errno) {
			return p.words
		}
	}
	var timed net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timed) && timed.Timeout() {
		if _, never := errors.AsType[dialError](err); !never && slices.Contains(streams, k.Type) {
			return "connected, but " + noAnswer(k.timeout())
		}
		return noAnswer(k.timeout())
	}
	if text, ok := certificate(err); ok {
		return text
	}
	return err.Error()
}

// certificate says what is wrong with a certificate.
func certificate(err error) (string, bool) {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired && e.Cert != nil {
		if now := time.Now(); now.Before(e.Cert.NotBefore) {
			return "certificate not valid before " + e.Cert.NotBefore.UTC().Format(time.DateOnly), true
		}
		return "certificate expired " + e.Cert.NotAfter.UTC().Format(time.DateOnly), true
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("certificate is not for %q%s", e.Host, named(e.Certificate)), true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "certificate signed by unknown authority", true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "answer is no TLS", true
	}
	return "", false
}

// named tells a name that a certificate is for, and that there are more.
func named(c *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" but %q", names[0])
	}
	return fmt.Sprintf(" but %q and %d more", names[0], len(names)-1)
}
