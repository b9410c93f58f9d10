package host

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/snatctl/snatctl/policy/lint"
)

// files looks at the files that health checks need.
func files(h *lint.Host, root string, paths []string) error {
	h.Files = make(map[string]lint.File)
	for _, path := range paths {
		path, name := filepath.Join("/", root, path), path
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrPermission):
			return fmt.Errorf("look for files of health checks: %w", err)
		case err != nil || !info.Mode().IsRegular():
			h.Files[name] = lint.File{}
			continue
		}
		f := lint.File{Exists: true, Executable: info.Mode()&0o111 != 0}
		if info.Size() < 1<<20 {
			text, _ := os.ReadFile(path)
			f.PEM = x509.NewCertPool().AppendCertsFromPEM(text)
		}
		h.Files[name] = f
	}
	return nil
}

// lookupTime bounds how long names are looked up, all together.
const lookupTime = 5 * time.Second

// names looks up the names that health checks send. It knows nothing of those that no name server
// says anything about; of these one is the error.
func names(ctx context.Context, h *lint.Host, list []string) error {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	h.Names = make(map[string]bool)
	var wait sync.WaitGroup
	var lock sync.Mutex
	var failed error
	turn := make(chan struct{}, 16)
	for _, name := range list {
		wait.Add(1)
		turn <- struct{}{}
		go func() {
			defer func() { <-turn; wait.Done() }()
			_, err := net.DefaultResolver.LookupHost(ctx, name)
			var dns *net.DNSError
			lock.Lock()
			defer lock.Unlock()
			switch {
			case err == nil:
				h.Names[name] = true
			case errors.As(err, &dns) && dns.IsNotFound:
				h.Names[name] = false
			default:
				failed = fmt.Errorf("look up names of health checks: %w", err)
			}
		}()
	}
	wait.Wait()
	return failed
}
