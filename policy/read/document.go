package read

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
)

// Document decodes the one YAML document of a file to its tree, or tells why that
// cannot be done. The tree is walked by hand afterwards: yaml.v3's own decoding to
// structs knows lines only, stops early and lets too much pass.
func Document(src policy.Source) (*yaml.Node, *policy.Diagnostic) {
	data := withoutMark(src.Data)
	fail := func(line, col int, msg, hint string) (*yaml.Node, *policy.Diagnostic) {
		return nil, &policy.Diagnostic{Pos: policy.Pos{File: src.Name, Line: line, Col: col}, Severity: policy.Error, Code: "N03", Msg: msg, Hint: hint}
	}
	if line, col, msg, hint := badCharacter(data); msg != "" {
		return fail(line, col, msg, hint)
	}
	if line := tagDirective(data); line > 0 {
		return fail(line, 1, "the directive %TAG, which is not understood here", "remove the line: policies have no tags")
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	doc, err := decode(dec)
	switch {
	case errors.Is(err, io.EOF):
		return fail(1, 1, "the file is empty", `a policy starts with "version: 1"`)
	case err != nil:
		line, col, msg := syntaxError(data, err)
		return fail(line, col, "not valid YAML: "+msg, "check the indentation, the quotes and the brackets here and above")
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && isNull(root) {
		return fail(1, 1, "the file is empty", `a policy starts with "version: 1"`)
	}
	switch second, err := decode(dec); {
	case err == nil:
		return fail(second.Line, second.Column, "a second YAML document begins here", "one document a file: put it in a file of its own, and give both with -f")
	case !errors.Is(err, io.EOF):
		line, col, msg := syntaxError(data, err)
		return fail(line, col, "not valid YAML: "+msg, "check the indentation, the quotes and the brackets here and above")
	}
	return root, nil
}

// withoutMark returns a text without the byte order mark that it may begin with.
func withoutMark(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }

// tagDirective returns the line of the first %TAG above the document, 0 if there is none.
// yaml.v3 holds each of them against all others, which takes long for very many.
func tagDirective(data []byte) int {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		switch text := bytes.TrimSpace(line); {
		case bytes.HasPrefix(line, []byte("%TAG")):
			return n
		case len(text) > 0 && text[0] != '#' && line[0] != '%':
			return 0
		}
	}
	return 0
}

// decode reads one document. yaml.v3 panics on some malformed input; that is an error
// like others.
func decode(dec *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: the parser failed: %v", r)
		}
	}()
	doc = new(yaml.Node)
	if err := dec.Decode(doc); err != nil {
		return nil, err
	}
	if len(doc.Content) != 1 {
		return nil, io.EOF
	}
	return doc, nil
}

// badCharacter finds the first character that a policy must not hold. Line and column
// count as editors count, which is why the Unicode line breaks are refused: YAML 1.1
// takes them for line ends.
func badCharacter(data []byte) (line, col int, msg, hint string) {
	line, col = 1, 1
	for i := 0; i < len(data); {
		c := data[i]
		if c >= 0x20 && c < 0x7f || c == '\t' {
			i++
			col++
			continue
		}
		if c == '\n' || c == '\r' {
			if c == '\n' || i+1 == len(data) || data[i+1] != '\n' {
				line, col = line+1, 0
			}
			i++
			col++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return line, col, fmt.Sprintf("byte 0x%02x is not UTF-8", c), "save the file as UTF-8"
		case r == 0:
			return line, col, "a NUL byte stands in the file", "is it a text file, saved as UTF-8?"
		case r == 0x85 || r == 0x2028 || r == 0x2029:
			return line, col, fmt.Sprintf("the character U+%04X, which YAML takes for the end of a line", r), "end the line with a newline, or remove the character"
		case r < 0xa0 || r == 0xfeff || r >= 0xfffe && r <= 0xffff:
			return line, col, fmt.Sprintf("the control character U+%04X", r), "remove it: YAML does not allow it"
		}
		i += size
		col++
	}
	return 0, 0, "", ""
}

var errorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)

// lookahead is how many bytes the parser may have read behind the token that it refuses:
// yaml.v3 keeps up to four characters ready (scannerc.go), newlines and blanks apart.
const lookahead = 4

// syntaxError returns the place and the message of a syntax error. What yaml.v3's scanner
// says bears the right line. What its parser says ("did not find expected ...") bears
// that of the list or mapping around it, counted from 0, or none. For those the text is
// read again, a byte at a time: where the parser gave up, there the mistake is.
func syntaxError(data []byte, err error) (line, col int, msg string) {
	line, msg = 1, err.Error()
	if m := errorLine.FindStringSubmatch(msg); m != nil {
		if m[1] != "" {
			line, _ = strconv.Atoi(m[1])
		}
		msg = m[2]
	}
	if name, ok := strings.CutPrefix(msg, "unknown anchor '"); ok {
		name = strings.TrimSuffix(name, "' referenced")
		at := max(bytes.Index(data, []byte("*"+name)), 0)
		line, col = lineCol(data[:at])
		return line, col, fmt.Sprintf("the alias *%s has no anchor &%s above it", name, name)
	}
	last, _ := lineCol(bytes.TrimRight(data, " \t\r\n"))
	if !strings.HasPrefix(msg, "did not find expected") {
		return min(line, last), 1, msg
	}
	r := &byteReader{data: data}
	for dec := yaml.NewDecoder(r); ; {
		if _, err := decode(dec); err != nil {
			break
		}
	}
	if r.read == len(data) {
		return min(line+1, last), 1, msg // open to the end: where it began tells more
	}
	given := data[:r.read]
	if strings.HasSuffix(msg, "']'") || strings.HasSuffix(msg, "'}'") || strings.HasSuffix(msg, "content") {
		given = data[:max(r.read-lookahead, 0)] // else the token is the first of its line
	}
	line, _ = lineCol(bytes.TrimRight(given, " \t\r\n"))
	return line, 1, msg
}

// lineCol returns the place that follows text.
func lineCol(text []byte) (line, col int) {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	last := bytes.LastIndexByte(text, '\n') + 1
	return 1 + bytes.Count(text, []byte("\n")), 1 + utf8.RuneCount(text[last:])
}

// byteReader gives one byte a call, so that its reader cannot read ahead.
type byteReader struct {
	data []byte
	read int
}

func (r *byteReader) Read(p []byte) (int, error) {
	if r.read == len(r.data) {
		return 0, io.EOF
	}
	r.read++
	return copy(p, r.data[r.read-1:r.read]), nil
}
