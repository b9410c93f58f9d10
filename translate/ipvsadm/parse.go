package ipvsadm

import (
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/translate"
)

// parse makes a command of a call in a dialect. The error says what ipvsadm would not understand.
func parse(d translate.Dialect, c *call) (*command, error) {
	p := &parser{dialect: d, cmd: &command{call: c}, args: c.args}
	for len(p.args) > 0 {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	if p.cmd.name == "" {
		if len(p.cmd.options) > 0 {
			return nil, fmt.Errorf("there is no command, such as -A or -a, before %s", p.cmd.options[0].text0())
		}
		p.cmd.name = "list" // ipvsadm without arguments
	}
	return p.cmd, nil
}

// text0 is the option without its words.
func (g *given) text0() string { return strings.TrimSpace("--" + g.name + " " + g.value) }

// parser reads the arguments of a call.
type parser struct {
	dialect translate.Dialect
	cmd     *command
	args    []arg
}

// next reads one argument, with the values that it takes.
func (p *parser) next() error {
	a := p.args[0]
	p.args = p.args[1:]
	switch {
	case a.text == "(null)": // FULLNAT, as the forks of 1.24 and 1.26 save it
		p.add(&option{name: "fullnat"}, "", a.words)
	case a.text == "ops" && p.saved(): // saved without hyphens by 1.26
		p.add(&option{name: "ops"}, "", a.words)
	case a.text == "pe" && p.saved() && len(p.args) > 0:
		p.add(&option{name: "pe"}, p.args[0].text, append(a.words, p.args[0].words...))
		p.args = p.args[1:]
	case strings.HasPrefix(a.text, "--") && len(a.text) > 2:
		return p.long(a)
	case strings.HasPrefix(a.text, "-") && len(a.text) > 1:
		return p.letters(a)
	default:
		return fmt.Errorf("unexpected argument %s", a.text)
	}
	return nil
}

// saved tells whether bare words of saved rules may come: behind -A.
func (p *parser) saved() bool { return p.cmd.name == "add-service" || p.cmd.name == "edit-service" }

// long reads --name, --name value or --name=value.
func (p *parser) long(a arg) error {
	name, val, glued := strings.Cut(a.text[2:], "=")
	o := byName(p.dialect, spelled(name))
	if o == nil {
		if o = byName("", spelled(name)); o != nil {
			return fmt.Errorf("--%s is not an option of dialect %s", name, p.dialect)
		}
		return fmt.Errorf("unknown option --%s", name)
	}
	if glued {
		if o.takes == nothing || o.takes == three {
			return fmt.Errorf("--%s takes no value", name)
		}
		return p.enter(o, val, a.words)
	}
	return p.take(o, a)
}

// letters reads -x, -x value, -xvalue, and several letters at once, as popt does.
func (p *parser) letters(a arg) error {
	for rest := a.text[1:]; rest != ""; {
		letter := rest[:1]
		rest = rest[1:]
		o := byLetter(p.dialect, letter, p.cmd.name == "")
		switch {
		case o == nil && byLetter("", letter, p.cmd.name == "") != nil:
			return fmt.Errorf("-%s is not an option of dialect %s", letter, p.dialect)
		case o == nil:
			return fmt.Errorf("unknown option -%s", letter)
		case o.takes == nothing:
			if err := p.enter(o, "", a.words); err != nil {
				return err
			}
		case rest != "":
			return p.enter(o, strings.TrimPrefix(rest, "="), a.words)
		default:
			return p.take(o, a)
		}
	}
	return nil
}

// take reads the values that an option takes of the arguments behind it.
func (p *parser) take(o *option, a arg) error {
	want := 0
	switch o.takes {
	case value:
		want = 1
	case three:
		want = 3
	case optional:
		if len(p.args) > 0 && isNumber(p.args[0].text) {
			want = 1
		}
	}
	if len(p.args) < want {
		return fmt.Errorf("%s needs a value", a.text)
	}
	words := append([]translate.Word(nil), a.words...)
	texts := make([]string, want)
	for i := range want {
		texts[i] = p.args[i].text
		words = append(words, p.args[i].words...)
	}
	p.args = p.args[want:]
	return p.enter(o, strings.Join(texts, " "), words)
}

// isNumber tells whether a text is digits alone.
func isNumber(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// enter adds an option to the command, which has one command and each option once.
func (p *parser) enter(o *option, val string, words []translate.Word) error {
	if !o.command {
		if p.cmd.has(o.name) && o.name != "laddr" {
			return fmt.Errorf("--%s is given twice", o.name)
		}
		p.add(o, val, words)
		return nil
	}
	if p.cmd.name != "" && !(p.cmd.name == "list" || p.cmd.name == "get-laddr") {
		return fmt.Errorf("a second command, --%s", o.name)
	}
	if p.cmd.name == "" {
		p.cmd.name = o.name
	}
	p.cmd.verb = append(p.cmd.verb, words...)
	if val != "" {
		p.add(o, val, nil)
	}
	return nil
}

func (p *parser) add(o *option, val string, words []translate.Word) {
	p.cmd.options = append(p.cmd.options, given{o.name, val, words})
}
