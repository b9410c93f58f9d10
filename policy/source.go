package policy

import (
	"bytes"
	"strings"
)

// Source is one policy file in memory.
type Source struct {
	Name string // as diagnostics show it
	Data []byte
}

// Lines returns the lines of a file as places count them, without their ends and without a
// byte order mark.
func Lines(src Source) []string {
	text := string(bytes.TrimPrefix(src.Data, []byte("\xef\xbb\xbf")))
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
}
