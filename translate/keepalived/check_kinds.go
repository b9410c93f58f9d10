package keepalived

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/snatctl/snatctl/policy"
)

// url reads a url block of HTTP_GET or SSL_GET.
func (k *translator) url(p *probe, s *Statement) {
	k.block(s, 1)
	c := &p.check
	path := false
	var pattern, inverse *Statement
	var options []*Statement
	for _, b := range s.Body {
		switch b.Word(0) {
		case "path":
			path = true
			c.Path = b.Word(1)
			if !strings.HasPrefix(c.Path, "/") {
				c.Path = "/" + c.Path
			}
			k.whole(b, 2)
		case "digest":
			k.report("M237", "", b)
		case "status_code":
			k.status(c, b)
		case "virtualhost":
			c.Host = b.Word(1)
			k.whole(b, 2)
		case "regex":
			pattern = b
		case "regex_no_match":
			inverse = b
		case "regex_options", "regex_stack", "regex_min_offset", "regex_max_offset":
			options = append(options, b)
		case "tls_compliant":
			k.report("M236", "", b)
		default:
			k.inCheck(p, b)
		}
	}
	k.regex(p, pattern, inverse, options)
	if !path {
		k.Note(s.At, "M234", s.Text, "")
		p.lost = true
	}
}

// status reads codes and ranges of codes.
func (k *translator) status(c *policy.HealthCheck, s *Statement) {
	var out []policy.StatusRange
	for _, word := range s.Words[1:] {
		low, high, some := strings.Cut(word, "-")
		if !some {
			high = low
		}
		a, err := strconv.Atoi(low)
		b, err2 := strconv.Atoi(high)
		if err != nil || err2 != nil || a < 100 || b > 999 || b < a {
			k.report("M207", "", s)
			return
		}
		out = append(out, policy.StatusRange{First: a, Last: min(b, 599)})
	}
	if len(out) == 0 {
		k.report("M207", "", s)
		return
	}
	c.Status = out
	k.whole(s, len(s.Words))
}

// literal is a pattern that means its own characters; a \ may stand before a special one.
var literal = regexp.MustCompile(`^(?:[^\\^$.|?*+()[\]{}]|\\[^a-zA-Z0-9])+$`)

// regex reads a pattern for the body. One that means its own characters is a text to look for.
func (k *translator) regex(p *probe, pattern, inverse *Statement, options []*Statement) {
	all := append([]*Statement{}, options...)
	if inverse != nil {
		all = append(all, inverse)
	}
	if pattern == nil {
		k.lose("M238", "", all...)
		return
	}
	text := pattern.Word(1)
	if args, ok := arguments(strings.TrimPrefix(pattern.Text, "regex")); ok && len(args) == 1 {
		text = strings.ReplaceAll(pattern.Word(1), `\\`, `\`)
	}
	if inverse != nil || len(options) > 0 || !literal.MatchString(text) {
		k.lose("M238", "", append(all, pattern)...)
		return
	}
	p.check.Body = regexp.MustCompile(`\\(.)`).ReplaceAllString(text, "$1")
	k.whole(pattern, 2)
}

// inMisc reads a statement of MISC_CHECK.
func (k *translator) inMisc(p *probe, s *Statement) {
	switch s.Word(0) {
	case "misc_path":
		args, ok := arguments(s.Word(1))
		if !ok || len(args) == 0 {
			k.report("M207", "", s)
			return
		}
		if !strings.HasPrefix(args[0], "/") {
			args = append([]string{"/usr/bin/env"}, args...) // which looks for it in PATH, as keepalived does
		}
		p.check.Command = args
		k.whole(s, 2)
		p.path = s
	case "misc_timeout":
		if n, ok := k.count(s, 1, 1<<20); ok {
			p.check.Timeout = time.Duration(n) * time.Second
		}
	case "misc_dynamic":
		if truth(s) {
			k.report("M241", "", s)
		} else {
			k.whole(s, 2)
		}
	case "user":
		k.report("M242", "", s)
	default:
		k.inAny(s)
	}
}

// inUDP reads a statement of UDP_CHECK.
func (k *translator) inUDP(p *probe, s *Statement) {
	switch s.Word(0) {
	case "payload":
		if text, ok := hexText(s.Words[1:]); ok {
			p.check.Send = text
			k.whole(s, len(s.Words))
		} else {
			k.report("M243", "", s)
		}
	case "require_reply":
		if text, ok := hexText(s.Words[1:]); ok {
			p.check.Expect = text
			k.whole(s, len(s.Words))
		} else {
			k.report("M244", "", s)
		}
	case "min_reply_length", "max_reply_length":
		k.report("M245", "", s)
	default:
		k.inAny(s)
	}
}

// hexText returns the text of bytes in hexadecimal, as keepalived's read_hex_str takes them: pairs
// of digits, a single one before a blank counting as one byte. Bytes that are no text are refused.
func hexText(words []string) (string, bool) {
	var out []byte
	for _, word := range words {
		for len(word) > 0 {
			n := min(2, len(word))
			b, err := strconv.ParseUint(word[:n], 16, 8)
			if err != nil {
				return "", false
			}
			out, word = append(out, byte(b)), word[n:]
		}
	}
	return string(out), len(out) > 0 && utf8.Valid(out)
}
