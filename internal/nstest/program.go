package nstest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// Program returns the absolute path of the snatctl to run: the one given, else bin/snatctl,
// ./snatctl or the one in PATH.
func Program(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	for _, path := range []string{"bin/snatctl", "./snatctl"} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return filepath.Abs(path)
		}
	}
	path, err := exec.LookPath("snatctl")
	if err != nil {
		return "", errors.New("there is no snatctl to run: build it, or name it with -snatctl")
	}
	return filepath.Abs(path)
}
