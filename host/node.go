package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// NodeFile holds the name by which the nodes of a policy know this machine.
const NodeFile = "/etc/snatctl/node"

// Node returns the name by which the nodes of a policy know this machine: what NodeFile says, or
// the host's name if there is no such file.
func Node() (string, error) { return nodeIn(NodeFile, os.Hostname) }

func nodeIn(path string, hostname func() (string, error)) (string, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return hostname()
	case err != nil:
		return "", err
	}
	name := strings.TrimSpace(string(text))
	if name == "" {
		return "", fmt.Errorf("%s is empty: write the name of this node into it, or remove it", path)
	}
	return name, nil
}
