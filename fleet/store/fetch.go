package store

import (
	"context"
	"fmt"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/etcd"
	"github.com/snatctl/snatctl/policy"
)

// batch bounds the compressed bytes that one request asks for.
const batch = 1 << 20

// BadPolicyError says that what stands in etcd is not the policy that its pointer names.
type BadPolicyError struct{ Err error }

// Error says why.
func (e *BadPolicyError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *BadPolicyError) Unwrap() error { return e.Err }

// Fetch returns the chunks of a policy. Those that are known already, by their sums, it does not ask for.
func (s *Store) Fetch(ctx context.Context, p *fleet.Pointer, known map[string][]byte) (chunks [][]byte, fetched int, err error) {
	all := map[string][]byte{}
	var ask []etcd.Range
	size := 0
	get := func() error {
		got, _, err := s.c.Get(ctx, ask...)
		if err != nil {
			return err
		}
		for _, items := range got {
			for _, i := range items {
				all[string(i.Key[len(s.keys.Chunks()):])] = i.Value
			}
		}
		fetched, ask, size = fetched+size, nil, 0
		return nil
	}
	for _, c := range p.Chunks {
		if b, ok := known[c.SHA256]; ok {
			all[c.SHA256] = b
			continue
		}
		if size+c.Size > batch && len(ask) > 0 {
			if err := get(); err != nil {
				return nil, 0, err
			}
		}
		ask, size = append(ask, etcd.Range{Key: s.keys.Chunk(c.SHA256)}), size+c.Size
	}
	if len(ask) > 0 {
		if err := get(); err != nil {
			return nil, 0, err
		}
	}
	for _, c := range p.Chunks {
		b, ok := all[c.SHA256]
		if !ok {
			return nil, 0, &BadPolicyError{fmt.Errorf("chunk %s of policy %d is not in etcd", c.SHA256, p.Number)}
		}
		chunks = append(chunks, b)
	}
	return chunks, fetched, nil
}

// Files returns the files of a policy.
func (s *Store) Files(ctx context.Context, p *fleet.Pointer) ([]policy.Source, error) {
	chunks, _, err := s.Fetch(ctx, p, nil)
	if err != nil {
		return nil, err
	}
	files, _, err := p.Unpack(chunks, nil)
	return files, err
}
