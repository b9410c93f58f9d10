package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/snatctl/snatctl/announce"
	"github.com/snatctl/snatctl/announce/birdlink"
	"github.com/snatctl/snatctl/policy"
)

// birdFile is a file before and after. A text that is empty is no file.
type birdFile struct {
	path, was, is string
	sockets       []string // where the BIRD listens that includes it
}

// write puts a text in the place of the file's, for whoever reads it all at once.
func (f birdFile) write(text string) error {
	if text == "" {
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if dir := filepath.Dir(f.path); os.Mkdir(dir, 0o755) == nil { // BIRD may be installed later
		if err := os.Chmod(dir, 0o755); err != nil { // whatever the umask is
			return err
		}
	}
	err := renameio.WriteFile(f.path, []byte(text), 0o644, renameio.IgnoreUmask()) // BIRD is another user
	if aside := (*fs.PathError)(nil); errors.As(err, &aside) {
		err = aside.Err // its path is that of the temporary file
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", f.path, err)
	}
	return nil
}

// readBird reads the file of a policy.
func readBird(of policy.Announce) (f birdFile, err error) {
	was, err := os.ReadFile(of.BIRD)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, fmt.Errorf("announce.bird: %w", err)
	}
	return birdFile{path: of.BIRD, was: string(was), sockets: of.Sockets()}, nil
}

// ask has the BIRD that includes the file do something.
func (f birdFile) ask(what func(*birdlink.Conn) error) error {
	b, err := birdlink.Dial(f.sockets)
	if err != nil {
		return err
	}
	defer b.Close()
	return what(b)
}

// unheard says why BIRD announces nothing of a file; empty: it does.
func (f birdFile) unheard() (why string) {
	err := f.ask(func(b *birdlink.Conn) error {
		has, err := b.Has(announce.Prefix + "*")
		if err == nil && !has {
			why = "bird.conf does not include " + f.path
		}
		return err
	})
	switch {
	case errors.Is(err, birdlink.ErrAbsent):
		return err.Error() + "; it reads " + f.path + " when it starts"
	case err != nil:
		return err.Error()
	}
	return why
}
