// Package secret reads files that only few may read: keys, tokens, passwords.
package secret

import (
	"fmt"
	"io"
	"os"
)

// Most bounds the bytes of files.
const Most = 1 << 20

// Read reads a file that nobody but its owner and group may read, and nobody but its owner write.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.Mode().Perm()&0o027 != 0:
		return nil, fmt.Errorf("%s may be read by all, or written by others than its owner (mode %04o): chmod 600 %[1]s", path, info.Mode().Perm())
	}
	return io.ReadAll(io.LimitReader(f, Most))
}
