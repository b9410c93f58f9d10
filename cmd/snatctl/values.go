package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// checkFormat refuses what is no format of most commands.
func checkFormat(f string) error {
	if f != "text" && f != "json" {
		return fmt.Errorf("unknown format %q: use text or json", f)
	}
	return nil
}

// parseEndpoint reads "addr", "addr:port", "[v6]" or "[v6]:port".
func parseEndpoint(s string) (netip.AddrPort, error) {
	host, port := s, ""
	switch bracket := strings.LastIndex(s, "]"); {
	case strings.HasPrefix(s, "[") && bracket > 0:
		host, port = s[1:bracket], s[bracket+1:]
	case strings.Count(s, ":") == 1:
		colon := strings.Index(s, ":")
		host, port = s[:colon], s[colon:]
	}
	a, err := inet.ParseAddr(host)
	if err != nil || port == "" {
		return netip.AddrPortFrom(a, 0), err
	}
	r, err := inet.ParsePortRange(strings.TrimPrefix(port, ":"))
	switch {
	case err != nil:
		return netip.AddrPort{}, err
	case !r.Single() || port[0] != ':':
		return netip.AddrPort{}, fmt.Errorf("%q is not an address with a port", s)
	}
	return netip.AddrPortFrom(a, r.First), nil
}

// parseProtocol reads a protocol's name or number.
func parseProtocol(s string) (inet.Proto, error) {
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		return inet.Proto(n), nil
	}
	p, err := inet.ParseProto(s)
	if err != nil {
		return 0, errors.New(err.Error() + " or a number")
	}
	return p, nil
}

// byteSize reads "65536", "64K", "16M" or "1G"; nothing is 0.
func byteSize(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	number, shift := s, 0
	if i := strings.IndexByte("KMG", s[len(s)-1]); i >= 0 {
		number, shift = s[:len(s)-1], 10*(i+1)
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil || n == 0 || n<<shift > 1<<31-1 {
		return 0, fmt.Errorf("%q is not a size below 2G (write 64M)", s)
	}
	return int(n << shift), nil
}
