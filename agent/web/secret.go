package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/snatctl/snatctl/secret"
)

// stamp tells one content of a file from another. The zero value is that of no file.
type stamp struct {
	inode    uint64
	size     int64
	mode     fs.FileMode
	modified time.Time
	changed  syscall.Timespec // of mode and owner, too
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	s := stamp{size: info.Size(), mode: info.Mode(), modified: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode, s.changed = sys.Ino, sys.Ctim
	}
	return s, nil
}

// token is what must be known to be answered. It is safe for concurrent use.
type token struct {
	path string
	log  *slog.Logger

	mu   sync.Mutex // over what follows
	seen stamp
	sum  *[sha256.Size]byte // nil: the file cannot be taken, and nobody is answered
}

// shortestToken is how long a token is at least, so that it cannot be guessed.
const shortestToken = 16

// openToken reads a token.
func openToken(path string, log *slog.Logger) (*token, error) {
	t := &token{path: path, log: log}
	var err error
	if t.seen, err = stampOf(path); err == nil {
		err = t.read()
	}
	if err != nil {
		return nil, fmt.Errorf("--http-token-file: %w", err)
	}
	return t, nil
}

// read reads the file.
func (t *token) read() error {
	t.sum = nil
	b, err := secret.Read(t.path)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(b))
	switch {
	case len(text) < shortestToken:
		return fmt.Errorf("%s holds a token of %d characters, and %d are the least: head -c 32 /dev/urandom | base64 > %[1]s", t.path, len(text), shortestToken)
	case strings.ContainsAny(text, " \t\r\n"):
		return fmt.Errorf("%s holds more than one word: it is to hold one token", t.path)
	}
	sum := sha256.Sum256([]byte(text))
	t.sum = &sum
	return nil
}

// errNoToken says that nobody is answered, since the token is not known.
var errNoToken = errors.New("the agent cannot read its token (--http-token-file): its log says why")

// knows tells whether a request has the token: as a bearer (RFC 6750), or as the password of any user
// (RFC 7617), which browsers ask people for. A file that cannot be taken any more lets nobody in: what it
// held before may be what it was changed for.
func (t *token) knows(r *http.Request) (bool, error) {
	sum, err := t.current()
	if err != nil {
		return false, err
	}
	given, ok := "", false
	if scheme, rest, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		given, ok = strings.TrimSpace(rest), true
	} else if _, password, basic := r.BasicAuth(); basic {
		given, ok = password, true
	}
	if !ok {
		return false, nil
	}
	mine := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(mine[:], sum[:]) == 1, nil
}

// current is the token, read again if the file has changed.
func (t *token) current() (*[sha256.Size]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, err := stampOf(t.path)
	if err != nil {
		now = stamp{}
	}
	if now != t.seen {
		if t.seen, err = now, t.read(); err != nil {
			t.log.Error("http_token_refused", "error", err)
		} else {
			t.log.Info("http_token_read", "file", t.path)
		}
	}
	if t.sum == nil {
		return nil, errNoToken
	}
	return t.sum, nil
}
