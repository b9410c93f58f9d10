package fleet

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/snatctl/snatctl/policy"
)

// Pieces of the text are compressed each by itself, and end after a line that the text itself chooses. So a
// policy that differs in a line shares all its chunks but one with the policy before it, and nodes fetch that
// one. The least keeps the largest policy below mostChunks; the most keeps a chunk of random bytes, which gzip
// makes longer by 5 bytes in 32 KiB (RFC 1951, 3.2.4), below MostChunk.
const (
	leastPiece = 300 << 10 // bytes
	mostPiece  = 500 << 10
	cutOneIn   = 512 // lines after which a piece may end: with lines of 40 to 100 bytes nearly all pieces do
)

// pieces cuts a text.
func pieces(text []byte) (out [][]byte) {
	for len(text) > 0 {
		n := cut(text)
		out, text = append(out, text[:n]), text[n:]
	}
	return out
}

// cut returns how long the first piece of a text is.
func cut(text []byte) int {
	if len(text) <= leastPiece {
		return len(text)
	}
	most := min(len(text), mostPiece)
	for at := leastPiece; at < most; {
		end := bytes.IndexByte(text[at:most], '\n')
		if end < 0 {
			break
		}
		line := text[at : at+end+1]
		at += len(line)
		if crc32.ChecksumIEEE(line)%cutOneIn == 0 {
			return at
		}
	}
	return most
}

// Pack cuts the files of a policy into chunks. The pointer that it returns lacks what the publisher knows:
// identity, number, time and user.
func Pack(files []policy.Source) (*Pointer, [][]byte, error) {
	p := &Pointer{Version: form, Hash: policy.Hash(files)}
	var text []byte
	for _, f := range files {
		if err := checkName(f.Name, mostFile); err != nil {
			return nil, nil, fmt.Errorf("file %q: its name: %w", f.Name, err)
		}
		p.Files = append(p.Files, File{f.Name, len(f.Data), sum(f.Data)})
		text = append(text, f.Data...)
	}
	if len(files) == 0 || len(files) > mostFiles || len(text) > MostText {
		return nil, nil, fmt.Errorf("the policy has %d files of %d bytes together: %d of %d are the most", len(files), len(text), mostFiles, MostText)
	}
	var chunks [][]byte
	for _, piece := range pieces(text) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write(piece)
		if err = errors.Join(err, z.Close()); err != nil {
			return nil, nil, err
		}
		chunks = append(chunks, b.Bytes())
		p.Chunks = append(p.Chunks, Chunk{sum(b.Bytes()), b.Len(), len(piece)})
	}
	return p, chunks, nil
}

// Check fails unless some bytes are the chunk.
func (c Chunk) Check(b []byte) error {
	if len(b) != c.Size || sum(b) != c.SHA256 {
		return fmt.Errorf("chunk %s has another size or SHA-256 than its name says", c.SHA256)
	}
	return nil
}

// Texts are what chunks hold, by their sums.
type Texts map[string][]byte

// Unpack returns the files of a policy that was checked by ParsePointer or made by Pack, and what its chunks
// hold. It fails unless the chunks are those that the pointer names, and hold exactly what it says. Those whose
// text is known from the policy before it does not unpack again.
func (p *Pointer) Unpack(chunks [][]byte, known Texts) ([]policy.Source, Texts, error) {
	if len(chunks) != len(p.Chunks) {
		return nil, nil, fmt.Errorf("there are %d chunks, and the pointer names %d", len(chunks), len(p.Chunks))
	}
	size := 0
	for _, f := range p.Files {
		size += f.Size
	}
	text := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	for i, c := range p.Chunks {
		if t, ok := known[c.SHA256]; ok && len(t) == c.Text {
			text.Write(t)
			continue
		}
		if err := c.Check(chunks[i]); err != nil {
			return nil, nil, err
		}
		z, err := gzip.NewReader(bytes.NewReader(chunks[i]))
		if err != nil {
			return nil, nil, fmt.Errorf("chunk %s: %w", c.SHA256, err)
		}
		n, err := text.ReadFrom(io.LimitReader(z, int64(c.Text)+1)) // a bomb gets no further
		if err != nil || n != int64(c.Text) {
			return nil, nil, errors.Join(fmt.Errorf("chunk %s does not hold the %d bytes that the pointer says", c.SHA256, c.Text), err)
		}
	}
	files, err := p.sources(text.Bytes())
	if err != nil {
		return nil, nil, err
	}
	return files, p.texts(text.Bytes()), nil
}

func (p *Pointer) texts(text []byte) Texts {
	all := Texts{}
	for _, c := range p.Chunks {
		all[c.SHA256], text = text[:c.Text], text[c.Text:]
	}
	return all
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
