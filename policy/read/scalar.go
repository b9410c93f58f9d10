package read

import (
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy/words"
)

// text returns a scalar as it is written, whatever YAML would take it for: the address
// 10.0.0.1, the name 0100. Only null is refused, which looks like a forgotten value.
func (w *walker) text(n *yaml.Node, want string) (string, bool) {
	n, ok := w.value(n)
	switch {
	case !ok:
		return "", false
	case n.Kind == yaml.ScalarNode && !isNull(n):
		return n.Value, true
	case isNull(n):
		w.fail(n, "N03", "write a value, or remove the key", "must be %s, not %s", want, describe(n))
	default:
		w.fail(n, "N03", "", "must be %s, not %s", want, describe(n))
	}
	return "", false
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// integer reads a number in plain decimal. YAML knows more ways to write one, and some
// of them say something else than they seem to.
func (w *walker) integer(n *yaml.Node, k *words.Keyword) (int, bool) {
	text, ok := w.text(n, "a number")
	if !ok {
		return 0, false
	}
	if v, _ := w.value(n); !isPlain(v) {
		w.fail(n, "N03", "remove the quotes", "must be a number, not the text %q", text)
		return 0, false
	}
	if why := notDecimal(text); why != "" {
		w.fail(n, "N03", "write a plain decimal number", "%s is not a plain number: %s", text, why)
		return 0, false
	}
	i, err := strconv.Atoi(text)
	if err != nil || i < k.Min || i > k.Max {
		w.fail(n, "N03", "", "%s is out of range (%d to %d)", text, k.Min, k.Max)
		return 0, false
	}
	return i, true
}

var traps = []struct {
	form *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`^[-+]?0[0-9_]+$`), "a leading zero makes it octal for YAML"},
	{regexp.MustCompile(`^[-+]?0[xX]`), "it is hexadecimal"},
	{regexp.MustCompile(`^[-+]?0[oO]`), "it is octal"},
	{regexp.MustCompile(`^[-+]?0[bB]`), "it is binary"},
	{regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-9_]+)+$`), "YAML may take it for a number of base 60"},
	{regexp.MustCompile(`^[-+]?[0-9]+_[0-9_]*$`), "it holds an underscore"},
	{regexp.MustCompile(`^[-+]?[0-9.]+[eE][-+]?[0-9]+$`), "it has an exponent"},
	{regexp.MustCompile(`^[-+]?[0-9]*\.[0-9]*$`), "it has a decimal point"},
	{regexp.MustCompile(`^\+`), "it has a plus sign"},
}

// notDecimal says why a text is not a number in plain decimal, and nothing where it is.
func notDecimal(s string) string {
	if decimal.MatchString(s) {
		return ""
	}
	for _, t := range traps {
		if t.form.MatchString(s) {
			return t.why
		}
	}
	return "it is text"
}

// boolean reads true or false, and no other of YAML's words for them.
func (w *walker) boolean(n *yaml.Node, into *bool) {
	text, ok := w.text(n, "true or false")
	if !ok {
		return
	}
	if v, _ := w.value(n); !isPlain(v) || text != "true" && text != "false" {
		w.fail(n, "N03", "write true or false, without quotes", "must be true or false, not %q", text)
		return
	}
	*into = text == "true"
}

// duration reads a positive duration as Go writes it: 300s, 5m, 1h30m.
func (w *walker) duration(n *yaml.Node) (time.Duration, bool) {
	text, ok := w.text(n, "a duration like 300s")
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	switch {
	case decimal.MatchString(text):
		w.fail(n, "N03", "write the unit: "+text+"s", "the duration %q has no unit", text)
	case err != nil:
		w.fail(n, "N03", "write it like 300s, 5m or 1h30m", "%q is not a duration", text)
	case d <= 0:
		w.fail(n, "N03", "", "the duration %s is not positive", text)
	default:
		return d, true
	}
	return 0, false
}

// enum reads one of the words of a key.
func enum[T ~string](w *walker, n *yaml.Node, k *words.Keyword, into *T) {
	v, ok := w.value(n)
	if !ok {
		return
	}
	if i := slices.Index(k.Words, v.Value); i >= 0 && v.Kind == yaml.ScalarNode {
		*into = T(k.Words[i])
		return
	}
	if text, ok := w.text(v, words.List(k.Words)); ok {
		w.fail(n, k.Errors[0], "write "+words.List(k.Words), "unknown value %q%s", text, words.DidYouMean(text, k.Words))
	}
}

// ranges reads a list of addresses, ranges and prefixes.
func (w *walker) ranges(items []*yaml.Node) []inet.Range {
	out := make([]inet.Range, 0, len(items))
	for _, item := range items {
		if r, ok := w.addresses(item); ok {
			out = append(out, r)
		}
	}
	return out
}

const wantAddresses = "an address, a range or a prefix"

// addresses reads an address, a range or a prefix.
func (w *walker) addresses(n *yaml.Node) (inet.Range, bool) {
	text, ok := w.text(n, wantAddresses)
	if !ok {
		return inet.Range{}, false
	}
	r, err := inet.ParseRange(text)
	if err != nil {
		w.badAddress(n, text, err)
		return inet.Range{}, false
	}
	return r, true
}

// address reads one address.
func (w *walker) address(n *yaml.Node) (netip.Addr, bool) {
	text, ok := w.text(n, "an address")
	if !ok {
		return netip.Addr{}, false
	}
	a, err := inet.ParseAddr(text)
	if err == nil {
		return a, true
	}
	if isRange(text) {
		w.fail(n, "N03", "", "%q is more than one address", text)
	} else {
		w.badAddress(n, text, err)
	}
	return netip.Addr{}, false
}

var (
	numeric = regexp.MustCompile(`^[0-9a-fA-F:.,/\-]*$`)
	// leadingZeros are those of the parts of an IPv4 address.
	leadingZeros = regexp.MustCompile(`(^|[.-])0+([0-9])`)
	hostName     = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*\.?)*(:[0-9]+)?$`)
)

// badAddress reports a text that is not the address, range or prefix that it should be.
func (w *walker) badAddress(n *yaml.Node, text string, err error) {
	code, hint := "N02", ""
	switch {
	case errors.Is(err, inet.ErrHostBits), errors.Is(err, inet.ErrReversed), errors.Is(err, inet.ErrMixed):
		code = "Z03"
	case slices.Contains(w.path, "laddrs") && words.ValidName(text) && !strings.ContainsAny(text, ".:"):
		hint = "a pool's name stands alone: laddrs: " + text
	case errors.Is(err, inet.ErrNotAddress) && len(text) < 256 && !numeric.MatchString(text) && hostName.MatchString(text):
		hint = "a policy holds addresses, not names: look it up once and write what you mean"
	case strings.ContainsAny(text, ", "):
		hint = "write a list: [a, b]"
	case errors.Is(err, inet.ErrNotAddress):
		hint = "write it like 10.1.2.3 or 2001:db8::1"
		if decimal := leadingZeros.ReplaceAllString(text, "$1$2"); isRange(decimal) {
			hint = "write " + decimal + ": zeros in front could mean an octal number"
		}
	}
	w.fail(n, code, hint, "%s", err)
}

func isRange(text string) bool {
	_, err := inet.ParseRange(text)
	return err == nil
}
