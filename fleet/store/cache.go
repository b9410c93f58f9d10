package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/policy"
)

// cache keeps the policy of a node on disk, for when it starts and etcd does not answer: a line of JSON, then
// the chunks. What is read back is checked as what comes from etcd is. An empty path keeps nothing.
type cache struct{ path string }

type cached struct {
	Pointer json.RawMessage `json:"pointer"`
	Own     bool            `json:"own"`
}

// mostLine bounds the bytes of the line: a pointer, and little more.
const mostLine = 512 << 10

func (c cache) read() (p *fleet.Pointer, own bool, chunks [][]byte, err error) {
	f, err := os.Open(c.path)
	if err != nil {
		return nil, false, nil, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, mostLine)
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, false, nil, fmt.Errorf("%s: %w", c.path, err)
	}
	var head cached
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, false, nil, fmt.Errorf("%s: %w", c.path, err)
	}
	if p, err = fleet.ParsePointer(head.Pointer); err != nil {
		return nil, false, nil, fmt.Errorf("%s: %w", c.path, err)
	}
	for _, chunk := range p.Chunks {
		b := make([]byte, chunk.Size) // the pointer's sizes are bounded
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, false, nil, fmt.Errorf("%s: %w", c.path, err)
		}
		chunks = append(chunks, b)
	}
	return p, head.Own, chunks, nil
}

// write replaces the file: whoever reads it finds the old policy or the new one.
func (c cache) write(p *fleet.Pointer, own bool, chunks [][]byte) error {
	line, err := json.Marshal(cached{p.Bytes(), own})
	if err != nil {
		return err
	}
	return replace(c.path, append(line, '\n'), chunks...)
}

// beside is the path of the file of nodes' states; empty where nothing is kept.
func (c cache) beside() string {
	if c.path == "" {
		return ""
	}
	return c.path + ".nodes"
}

// states reads the states of nodes; none where there is no file, or none that can be read.
func (c cache) states() (out map[string]policy.NodeState) {
	f, err := os.Open(c.beside())
	if err != nil {
		return nil
	}
	defer f.Close()
	if json.NewDecoder(io.LimitReader(f, mostLine)).Decode(&out) != nil {
		return nil
	}
	return out
}

// keep writes the states of nodes.
func (c cache) keep(states map[string]policy.NodeState) error {
	text, err := json.Marshal(states)
	if err != nil {
		return err
	}
	return replace(c.beside(), text)
}

// replace puts a file in the place of another. An empty path is no file.
func replace(path string, head []byte, parts ...[]byte) error {
	if path == "" {
		return nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it has another name if all goes well
	_, err = f.Write(head)
	if err == nil {
		_, err = io.Copy(f, bytes.NewReader(bytes.Join(parts, nil)))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
