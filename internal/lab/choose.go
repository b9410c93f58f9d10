package lab

import (
	"fmt"
	"slices"
	"strings"
)

// Choose returns those of all that a comma-separated list names, in its order; an empty list
// names all. kind is what an error calls them.
func Choose[T any](kind string, all []T, name func(T) string, list string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	var out []T
	for wanted := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(all, func(t T) bool { return name(t) == wanted })
		if i < 0 {
			return nil, fmt.Errorf("no %s is called %q: want some of %s", kind, wanted, Names(all, name))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// Names lists what Choose chooses from.
func Names[T any](all []T, name func(T) string) string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = name(t)
	}
	return strings.Join(names, ", ")
}
