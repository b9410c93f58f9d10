package health

import (
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// roots has the certificates of authorities by the file that they come from, read again when
// the file changes. The zero value is ready for use.
type roots struct {
	mu    sync.Mutex
	files map[string]rootFile
}

type rootFile struct {
	changed time.Time
	size    int64
	pool    *x509.CertPool
}

// of returns the certificates of a file.
func (r *roots) of(path string) (*x509.CertPool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if f, ok := r.files[path]; ok && f.changed.Equal(info.ModTime()) && f.size == info.Size() {
		return f.pool, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificates in %s", path)
	}
	if r.files == nil {
		r.files = map[string]rootFile{}
	}
	r.files[path] = rootFile{info.ModTime(), info.Size(), pool}
	return pool, nil
}
