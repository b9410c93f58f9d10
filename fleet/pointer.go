package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/snatctl/snatctl/policy"
)

// Pointer names a policy: its files, and the chunks that hold them. Whoever has it can tell whether what it
// is given is that policy.
type Pointer struct {
	Version int       `json:"version"` // of this form: 1
	ID      string    `json:"id"`      // of this publication, unlike any other
	Number  int64     `json:"number"`  // counts the policies of a fleet up from 1
	Hash    string    `json:"hash"`    // of the policy, as agents report it (policy.Hash)
	Time    time.Time `json:"time"`    // by the publisher's clock
	User    string    `json:"user"`
	Files   []File    `json:"files"`  // in their order
	Chunks  []Chunk   `json:"chunks"` // which hold the files one after the other
}

// File is one file of a policy.
type File struct {
	Name   string `json:"name"` // as the publisher was given it: text, and no path on any node
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
}

// Chunk is a part of the files, compressed by itself.
type Chunk struct {
	SHA256 string `json:"sha256"` // of the compressed bytes: its key
	Size   int    `json:"size"`   // of the compressed bytes
	Text   int    `json:"text"`   // bytes that come out
}

// form is the version of pointers that is written here.
const form = 1

// Bounds. etcd takes requests of 1.5 MiB and 128 operations (measured with 3.4: 1,536,000 bytes are taken,
// 1,572,864 are too large; 129 operations are too many).
const (
	MostChunk   = 512 << 10 // bytes of a compressed chunk
	MostText    = 32 << 20  // bytes of all files of a policy, as for files (policy/read)
	mostChunks  = 120       // of a policy: a transaction compares each
	mostFiles   = 1000      // of a policy
	mostPointer = 256 << 10 // bytes of a pointer
)

// ErrNewer says that a newer snatctl has written something.
var ErrNewer = errors.New("a newer snatctl has written it: update this one")

// ParsePointer reads a pointer, and fails for one that cannot be right.
func ParsePointer(data []byte) (*Pointer, error) {
	if len(data) > mostPointer {
		return nil, fmt.Errorf("the pointer has %d bytes, and %d are the most", len(data), mostPointer)
	}
	var p Pointer
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("the pointer cannot be read: %w", err)
	}
	if p.Version != form {
		return nil, fmt.Errorf("the pointer has form %d: %w", p.Version, ErrNewer)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("the pointer is wrong: %w", err)
	}
	return &p, nil
}

// check fails if the pointer contradicts itself or the bounds.
func (p *Pointer) check() error {
	if len(p.Files) == 0 || len(p.Files) > mostFiles || len(p.Chunks) > mostChunks {
		return fmt.Errorf("it has %d files and %d chunks: %d and %d are the most, and one file the least", len(p.Files), len(p.Chunks), mostFiles, mostChunks)
	}
	if !isSum(p.Hash) || p.ID == "" || len(p.ID) > 100 || p.Number < 1 {
		return errors.New("it has no hash, identity or number")
	}
	text := 0
	for _, f := range p.Files {
		if err := checkName(f.Name, mostFile); err != nil {
			return fmt.Errorf("the name of a file: %w", err)
		}
		if f.Size < 0 || f.Size > MostText || !isSum(f.SHA256) {
			return fmt.Errorf("file %q has a size of %d and a sum of %q", f.Name, f.Size, f.SHA256)
		}
		text += f.Size
	}
	if text > MostText {
		return fmt.Errorf("its files have %d bytes together, and %d are the most", text, MostText)
	}
	for _, c := range p.Chunks {
		if c.Size < 0 || c.Size > MostChunk || c.Text < 0 || c.Text > mostPiece || !isSum(c.SHA256) {
			return fmt.Errorf("chunk %q has a size of %d for %d bytes", c.SHA256, c.Size, c.Text)
		}
		text -= c.Text
	}
	if text != 0 {
		return fmt.Errorf("its chunks have %d bytes fewer than its files", text)
	}
	return nil
}

// isSum tells whether something is a SHA-256 as it is written here.
func isSum(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && hex.EncodeToString(b) == s
}

// Bytes is the pointer as it is stored.
func (p *Pointer) Bytes() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings, numbers and a time
	}
	return b
}

// Same tells whether two pointers name the same policy: the same files in the same order.
func (p *Pointer) Same(q *Pointer) bool { return p != nil && q != nil && p.Hash == q.Hash }

// sources gives files their places in the text.
func (p *Pointer) sources(text []byte) ([]policy.Source, error) {
	var out []policy.Source
	var sums [][]byte
	for _, f := range p.Files {
		s := policy.Source{Name: f.Name, Data: text[:f.Size:f.Size]}
		text = text[f.Size:]
		is := sha256.Sum256(s.Data)
		if hex.EncodeToString(is[:]) != f.SHA256 {
			return nil, fmt.Errorf("file %q has another SHA-256 than the pointer says", f.Name)
		}
		out, sums = append(out, s), append(sums, is[:])
	}
	if policy.HashOf(sums) != p.Hash {
		return nil, errors.New("the files are another policy than the pointer says")
	}
	return out, nil
}
