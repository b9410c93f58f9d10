package read

import "strings"

// escapes are those that are known in double quotes, beside \x and two digits.
var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '"': '"', '\\': '\\', '0': 0}

// escapeLength returns how long the escape is that a text begins with; 0 where there is none that
// is known.
func escapeLength(text string) int {
	if len(text) < 2 || text[0] != '\\' {
		return 0
	}
	if _, ok := escapes[text[1]]; ok {
		return 2
	}
	if text[1] == 'x' && len(text) >= 4 && hexDigit(text[2]) >= 0 && hexDigit(text[2]) < 8 && hexDigit(text[3]) >= 0 {
		return 4 // of ASCII; others would be two bytes
	}
	return 0
}

func hexDigit(c byte) int { return strings.IndexByte("0123456789abcdef", c|0x20) }

// unescaped returns what a text with known escapes means.
func unescaped(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); i++ {
		switch n := escapeLength(text[i:]); n {
		case 2:
			b.WriteByte(escapes[text[i+1]])
			i++
		case 4:
			b.WriteByte(byte(hexDigit(text[i+2])<<4 | hexDigit(text[i+3])))
			i += 3
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}
