package plain

import "fmt"

// Count returns "1 flow" or "2000 flows".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
