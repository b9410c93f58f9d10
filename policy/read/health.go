package read

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// healthChecks reads the section of that name: health checks by name.
func (w *walker) healthChecks(n *yaml.Node) {
	w.byName(n, "health check", "{type: tcp}", func(k, v *yaml.Node, name string) {
		if name == policy.NoCheck {
			w.fail(k, "A01", "choose another name", "%s is what services write that are never checked", name)
		}
		c := w.healthCheck(v)
		c.Name, c.Pos = name, w.pos(k)
		w.policy.HealthChecks = append(w.policy.HealthChecks, c)
	})
}

// checkOrName reads the `health_check` of a service: the name of a check, none, or a check.
func (w *walker) checkOrName(n *yaml.Node) (name string, inline *policy.HealthCheck) {
	v, ok := w.value(n)
	if !ok {
		return "", nil
	}
	if v.Kind == yaml.MappingNode {
		c := w.healthCheck(v)
		c.Pos = w.pos(v)
		return "", &c
	}
	if name, _ = w.objectName(v); name == policy.NoCheck {
		name = ""
	}
	return name, nil
}

// healthCheck reads one health check. What absent keys mean depends on its type.
func (w *walker) healthCheck(n *yaml.Node) policy.HealthCheck {
	c := policy.DefaultHealthCheck(w.checkType(n))
	failed := w.broken
	w.broken = false
	c.Keys = w.fields(n, words.HealthCheck, func(k *words.Keyword, v *yaml.Node) {
		c.Items = w.places(c.Items, k, v)
		if c.Type != "" && !c.Type.Uses(k.Name()) {
			w.fail(v, "A02", "remove it, or choose another type", "a check of type %s has no %s", c.Type, k.Name())
			return
		}
		w.checkKey(&c, k, v)
	})
	if !c.Has("timeout") {
		c.Timeout = min(c.Timeout, c.Interval)
	}
	if !c.Has("verify") {
		c.Verify = c.CA != ""
	}
	if c.SNI == "" && c.Type == policy.CheckHTTPS {
		c.SNI = c.Host
	}
	if !w.broken {
		for _, key := range c.Type.Needs() {
			if !c.Has(key) {
				w.fail(n, "A02", "add "+key, "a check of type %s needs %s", c.Type, key)
			}
		}
	}
	w.broken = w.broken || failed
	return c
}

// checkType returns the type of a health check before its other keys are read. It is empty where
// there is none; what is wrong with it is reported when its turn comes.
func (w *walker) checkType(n *yaml.Node) policy.CheckType {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if t := policy.CheckType(textOf(n, "type")); slices.Contains(policy.CheckTypes(), t) {
		return t
	}
	return ""
}

// checkKey reads one key of a health check.
func (w *walker) checkKey(c *policy.HealthCheck, k *words.Keyword, v *yaml.Node) {
	switch k.Name() {
	case "type":
		enum(w, v, k, &c.Type)
	case "port":
		if text, ok := w.portText(v); ok {
			c.Port = w.port(v, text)
		}
	case "interval":
		w.atLeast(v, &c.Interval)
	case "timeout":
		w.atLeast(v, &c.Timeout)
	case "rise":
		w.number(v, k, &c.Rise)
	case "fall":
		w.number(v, k, &c.Fall)
	case "send":
		w.phrase(v, &c.Send)
	case "expect":
		w.phrase(v, &c.Expect)
	case "method":
		enum(w, v, k, &c.Method)
	case "path":
		w.phrase(v, &c.Path)
		if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, " \t\r\n") {
			w.fail(v, "N03", "write it from the slash behind the host's name, blanks as %20", "%q is not the path of a page", c.Path)
		}
	case "host":
		w.hostText(v, &c.Host)
	case "status":
		c.Status = w.statuses(v)
	case "body":
		w.phrase(v, &c.Body)
	case "sni":
		w.hostText(v, &c.SNI)
	case "verify":
		w.boolean(v, &c.Verify)
	case "ca":
		w.phrase(v, &c.CA)
		w.wholePath(v, c.CA)
	case "query":
		w.hostText(v, &c.Query)
	case "record":
		enum(w, v, k, &c.Record)
	case "answer":
		w.phrase(v, &c.Answer)
	case "rcode":
		enum(w, v, k, &c.Rcode)
	case "command":
		c.Command = w.command(v)
	}
}

// phrase reads a text that says something.
func (w *walker) phrase(n *yaml.Node, into *string) {
	text, ok := w.text(n, "text")
	if ok && text == "" {
		w.fail(n, "N03", "write some, or remove the key", "the text is empty")
	}
	*into = strings.Clone(text)
}

// hostText reads a name that a check says or asks for. It is not looked up, so it may be any.
func (w *walker) hostText(n *yaml.Node, into *string) {
	w.phrase(n, into)
	if strings.ContainsAny(*into, " \t\r\n/") || len(*into) > 255 {
		w.fail(n, "N03", "write it like www.example.com", "%q is not the name of a host", *into)
	}
}

// atLeast reads a duration of a check. The kernel's timers and the wire take milliseconds.
func (w *walker) atLeast(n *yaml.Node, into *time.Duration) {
	d, ok := w.duration(n)
	switch {
	case ok && d < 10*time.Millisecond:
		w.fail(n, "N03", "write at least 10ms", "the duration %s is too short for a check", d)
	case ok:
		*into = d
	}
}

func (w *walker) number(n *yaml.Node, k *words.Keyword, into *int) {
	if i, ok := w.integer(n, k); ok {
		*into = i
	}
}

// wholePath reports a path that depends on where the agent was started.
func (w *walker) wholePath(n *yaml.Node, name string) {
	if name != "" && !strings.HasPrefix(name, "/") {
		w.fail(n, "N03", "write the whole path, from /", "%q is not the whole path of a file", name)
	}
}

// command reads a program and its arguments.
func (w *walker) command(n *yaml.Node) (out []string) {
	for i, item := range w.someItems(n, "a program and its arguments") {
		text, ok := w.text(item, "text")
		if ok && i == 0 {
			w.wholePath(item, text)
		}
		out = append(out, strings.Clone(text))
	}
	return out
}

// statuses reads HTTP status codes and ranges of them.
func (w *walker) statuses(n *yaml.Node) (out []policy.StatusRange) {
	for _, item := range w.someItems(n, "status codes like 200 or 200-399") {
		text, ok := w.text(item, "a status code like 200, or a range like 200-399")
		if !ok {
			continue
		}
		first, last, isRange := strings.Cut(text, "-")
		if !isRange {
			last = first
		}
		switch r := (policy.StatusRange{First: status(first), Last: status(last)}); {
		case r.First == 0 || r.Last == 0:
			w.fail(item, "N03", "write one like 200, or a range like 200-399", "%q is not a status code (100 to 599) or a range of them", text)
		case r.Last < r.First:
			w.fail(item, "N03", "write "+last+"-"+first, "the range of status codes %s is reversed", text)
		default:
			out = append(out, r)
		}
	}
	return out
}

// status returns a status code; 0 where there is none.
func status(text string) int {
	if i, err := strconv.Atoi(text); err == nil && len(text) == 3 && text[0] >= '1' && i < 600 {
		return i
	}
	return 0
}

// quorum reads a number of servers, or a percentage of them.
func (w *walker) quorum(n *yaml.Node, k *words.Keyword) policy.Quorum {
	if v, ok := w.value(n); ok && v.Kind == yaml.ScalarNode && strings.HasSuffix(v.Value, "%") {
		return policy.Quorum{Percent: w.percent(n)}
	}
	q := policy.DefaultService().Quorum
	w.number(n, k, &q.Count)
	return q
}

// percent reads a percentage from 1% to 100%.
func (w *walker) percent(n *yaml.Node) int {
	text, ok := w.text(n, "a percentage like 50%")
	if !ok {
		return 0
	}
	digits, isPercent := strings.CutSuffix(text, "%")
	i, err := strconv.Atoi(digits)
	switch {
	case !isPercent && err == nil:
		w.fail(n, "N03", "write "+text+"%", "the percentage %q has no %% sign", text)
	case !isPercent || err != nil || !decimal.MatchString(digits) || i < 1 || i > 100:
		w.fail(n, "N03", "write it like 50%", "%q is not a percentage from 1%% to 100%%", text)
	default:
		return i
	}
	return 0
}
