package law

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ParseSeeds reads "7" or "7-9". It returns the first seed and the one behind the last.
func ParseSeeds(s string) (from, to uint64, err error) {
	first, last, isRange := strings.Cut(s, "-")
	from, err = strconv.ParseUint(first, 10, 63)
	to = from
	if isRange {
		var err2 error
		to, err2 = strconv.ParseUint(last, 10, 63)
		err = errors.Join(err, err2)
	}
	if err == nil && to < from {
		err = errors.New("the last comes before the first")
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%q are no seeds (want 7 or 7-9): %w", s, err)
	}
	return from, to + 1, nil
}
