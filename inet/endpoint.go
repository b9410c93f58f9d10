package inet

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseEndpoint reads an address with a port or without: "addr", "addr:port", "[v6]" or "[v6]:port". Without
// one the port is 0.
func ParseEndpoint(s string) (netip.AddrPort, error) {
	host, port := s, ""
	switch bracket := strings.LastIndex(s, "]"); {
	case strings.HasPrefix(s, "[") && bracket > 0:
		host, port = s[1:bracket], s[bracket+1:]
	case strings.Count(s, ":") == 1:
		colon := strings.Index(s, ":")
		host, port = s[:colon], s[colon:]
	}
	a, err := ParseAddr(host)
	if err != nil || port == "" {
		return netip.AddrPortFrom(a, 0), err
	}
	r, err := ParsePortRange(strings.TrimPrefix(port, ":"))
	switch {
	case err != nil:
		return netip.AddrPort{}, err
	case !r.Single() || port[0] != ':':
		return netip.AddrPort{}, fmt.Errorf("%q is not an address with a port", s)
	}
	return netip.AddrPortFrom(a, r.First), nil
}

// ParseAnyProto reads a protocol's name, or its number: also of those that snatctl has no name for.
func ParseAnyProto(s string) (Proto, error) {
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		return Proto(n), nil
	}
	p, err := ParseProto(s)
	if err != nil {
		return 0, errors.New(err.Error() + " or a number")
	}
	return p, nil
}
