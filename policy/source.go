package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Source is one policy file in memory.
type Source struct {
	Name string // as diagnostics show it
	Data []byte
}

// Stored begins the names of sources that are no files: of policies that a node follows in etcd.
const Stored = "etcd:"

// IsFile tells whether a source was read from a file.
func (s Source) IsFile() bool { return s.Name != "<stdin>" && !strings.HasPrefix(s.Name, Stored) }

// Hash tells policies apart by their text: the SHA-256 of the file, or of the sums of several, in
// hexadecimal digits. It is empty where the sources are not known.
func Hash(sources []Source) string {
	sums := make([][]byte, len(sources))
	for i, s := range sources {
		sum := sha256.Sum256(s.Data)
		sums[i] = sum[:]
	}
	return HashOf(sums)
}

// HashOf is Hash where the SHA-256 of each file is known.
func HashOf(sums [][]byte) string {
	switch len(sums) {
	case 0:
		return ""
	case 1:
		return hex.EncodeToString(sums[0])
	}
	sum := sha256.Sum256(bytes.Join(sums, nil))
	return hex.EncodeToString(sum[:])
}

// Lines returns the lines of a file as places count them, without their ends and without a
// byte order mark.
func Lines(src Source) []string {
	text := string(bytes.TrimPrefix(src.Data, []byte("\xef\xbb\xbf")))
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
}
