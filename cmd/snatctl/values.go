package main

import (
	"fmt"
	"strconv"
	"strings"
)

// checkFormat refuses what is no format of most commands.
func checkFormat(f string) error {
	if f != "text" && f != "json" {
		return fmt.Errorf("unknown format %q: use text or json", f)
	}
	return nil
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
