package corpus

import (
	"slices"
	"strings"
)

// content is what a sample is about: a phrase, or a value under a key.
type content struct {
	phrase fragment
	field  field
}

// form writes content with surroundings, which hold secrets of their own when
// busy. It returns nil where content does not go with the form.
type form struct {
	name  string
	write func(g *Generator, c content, busy bool) fragment
}

var forms = []form{
	{FormText, (*Generator).line},
	{FormText, (*Generator).line},
	{FormText, (*Generator).line},
	{FormLogfmt, (*Generator).logfmt},
	{FormJSON, (*Generator).json},
	{FormAccess, (*Generator).accessLine},
	{FormURL, (*Generator).requestURL},
	{FormMultiline, (*Generator).multiline},
	{FormNested, (*Generator).nested},
}

// plant makes a text with a secret of the detector.
func (g *Generator) plant(name string, d detector) Sample {
	c := content{}
	switch {
	case g.oneIn(2) || len(d.keys) == 0 && d.attribute.key == "":
		c.phrase = g.expand(pick(g, d.phrases...))
	case len(d.keys) == 0:
		c.field = field{d.attribute.key, g.expand(d.attribute.template)}
	default:
		key := pick(g, d.keys...)
		c.field = field{key, secret(name, d.value(g, key))}
		if name == "secret_assignment" && isPasswordKey(key) && g.oneIn(4) {
			c.field.value = secret(name, awkward(g))
		}
	}
	if g.oneIn(9) {
		return value(c)
	}
	if name == "private_key" && g.oneIn(8) {
		return g.truncatedKey()
	}
	f := pick(g, forms...)
	return f.write(g, c, g.oneIn(2)).sample(f.name)
}

// mislead makes a text with one or two look-alikes of the detector.
func (g *Generator) mislead(name string, d detector) Sample {
	m := pick(g, d.misses...)
	c := content{}
	if m.value != nil {
		found := fragment{{text: m.value(g), detector: name, kind: m.kind}}
		if m.fixed || len(m.keys) > 0 && g.oneIn(2) {
			c.field = field{pick(g, m.keys...), found}
		} else if g.oneIn(2) {
			c.field = field{pick(g, neutralKeys...), found}
		} else {
			before, after, _ := strings.Cut(pick(g, neutralPhrases...), "%{}")
			c.phrase = join(g.expand(before), found, g.expand(after))
		}
	} else {
		c.phrase = g.expand(m.phrase)
		for i := range c.phrase {
			c.phrase[i].detector, c.phrase[i].kind = name, m.kind
		}
	}
	if m.value != nil && g.oneIn(9) {
		return value(c)
	}
	f := pick(g, forms...)
	return f.write(g, c, false).sample(f.name)
}

func (g *Generator) harmless() Sample {
	if g.oneIn(6) {
		return g.access(g.query(g.beside(false)), false).sample(FormAccess)
	}
	c := content{phrase: g.message(false)}
	if g.oneIn(3) {
		c = content{field: g.beside(false)}
	}
	f := pick(g, forms...)
	return f.write(g, c, false).sample(f.name)
}

// neutral keys and phrases are context of no detector.
var (
	neutralKeys    = []string{"ref", "id", "value", "item", "object", "data", "field", "checksum", "label"}
	neutralPhrases = []string{"got %{} from %{noun}", "%{}", "item %{} stored", "%{noun} %{} ignored", "no row for '%{}'", "value (%{}) seen %{small} times", `parsed "%{}", went on`, "ref=%{} done", "compare %{}; differs"}
)

// value is the text of one attribute, and the key beside it.
func value(c content) Sample {
	if c.phrase != nil {
		s := c.phrase.sample(FormValue)
		s.Key = "message"
		return s
	}
	s := c.field.value.sample(FormValue)
	s.Key = c.field.key
	return s
}

// truncatedKey is a PEM block cut off by a limit of length.
func (g *Generator) truncatedKey() Sample {
	whole := privateKey(g)
	head := strings.Index(whole, "\n") + 1
	kept := whole[:head+g.between(20, 64)]
	return join(g.expand(pick(g, heads...)), g.expand("key dump: "), secret("private_key", kept)).sample(FormText)
}

// text returns the content as a part of running text.
func (g *Generator) text(c content) fragment {
	if c.phrase != nil {
		return c.phrase
	}
	return g.assignment(c.field)
}

// assignment writes key and value in one of the ways programs and people do.
// Values of several lines or with quotes of their own are quoted and escaped.
func (g *Generator) assignment(f field) fragment {
	between := func(before, after string) fragment { return join(literal(before), f.value, literal(after)) }
	escaped := func(before, after string) fragment {
		return join(literal(before), f.value.mapped(escapeJSON), literal(after))
	}
	quoted := []func() fragment{
		func() fragment { return escaped(f.key+`="`, `"`) },
		func() fragment { return escaped(`"`+f.key+`":"`, `"`) },
		func() fragment { return escaped(`"`+f.key+`": "`, `",`) },
		func() fragment { return escaped(`{"`+f.key+`": "`, `"}`) },
		func() fragment { return escaped(f.key+` = "`, `"`) },
	}
	if !bare(f.value.text()) || g.oneIn(2) {
		return pick(g, quoted...)()
	}
	plain := []func() fragment{
		func() fragment { return between(f.key+"=", "") },
		func() fragment { return between(f.key+": ", "") },
		func() fragment { return between(f.key+" = ", "") },
		func() fragment { return between(f.key+" = '", "'") },
		func() fragment { return between(f.key+"='", "'") },
		func() fragment { return between("'"+f.key+"': '", "'") },
		func() fragment { return between(f.key+"=", "; retry=1") },
		func() fragment { return between(f.key+"=", ", retry=1") },
		func() fragment {
			return between(flagName(f.key)+"=", "")
		},
		func() fragment {
			return between(flagName(f.key)+" ", "")
		},
		func() fragment { return between("export "+f.key+"=", "") },
	}
	if !strings.Contains(f.value.text(), ":") { // "peer:::1" could be read in two ways
		plain = append(plain, func() fragment { return between(f.key+":", "") })
	}
	return pick(g, plain...)()
}

// flagName writes a key as an option of a command line: dbPassword becomes
// --db-password.
func flagName(key string) string {
	name := []byte("--")
	for i, c := range []byte(key) {
		switch {
		case c == '_' || c == '.':
			c = '-'
		case c >= 'A' && c <= 'Z':
			if c += 'a' - 'A'; i > 0 && strings.IndexByte(lower, key[i-1]) >= 0 {
				name = append(name, '-')
			}
		}
		name = append(name, c)
	}
	return string(name)
}

// bare says whether text can stand unquoted.
func bare(text string) bool {
	return !strings.ContainsAny(text, " \t\n\"'\\,;=?^") || strings.HasSuffix(text, "=") && !strings.ContainsAny(text, " \n\"'\\,;?^")
}

// urlSafe says whether text stands in a query as it is.
func urlSafe(text string) bool {
	return !strings.ContainsAny(text, " \t\n\"'\\,;=?^&#+%/<>[]{}|()*!")
}

func (g *Generator) line(c content, busy bool) fragment {
	parts := []fragment{g.expand(pick(g, heads...))}
	if g.oneIn(4) {
		parts = append(parts, g.message(busy), literal(pick(g, "; ", ", ", " - ", " | ", ". ")))
	}
	parts = append(parts, g.text(c))
	// A line must not go on in a way that could be part of a value.
	if g.oneIn(3) {
		parts = append(parts, literal(pick(g, " | ", " - ", "\t")), g.message(busy))
	}
	return join(parts...)
}

func (g *Generator) logfmt(c content, busy bool) fragment {
	f := c.field
	if c.phrase != nil {
		f = field{"msg", c.phrase}
	}
	var parts []fragment
	if g.oneIn(2) {
		parts = append(parts, g.expand("ts=%{rfc3339} level=%{level}"))
	}
	for _, f := range g.amid(f, busy) {
		if len(parts) > 0 {
			parts = append(parts, literal(" "))
		}
		parts = append(parts, literal(f.key+"="))
		if strings.ContainsAny(f.value.text(), " =\"\n\t\\'") {
			parts = append(parts, literal(`"`), f.value.mapped(escapeJSON), literal(`"`))
		} else {
			parts = append(parts, f.value)
		}
	}
	return join(parts...)
}

func (g *Generator) json(c content, busy bool) fragment {
	return g.object(c, busy, pick(g, "", " "))
}

// object writes JSON as pino, zap and their like do.
func (g *Generator) object(c content, busy bool, space string) fragment {
	f := c.field
	if c.phrase != nil {
		f = field{"msg", c.phrase}
	}
	all := g.amid(f, busy)
	if c.phrase == nil && g.oneIn(2) {
		all = append(all, field{"msg", g.message(busy)})
	}
	parts := []fragment{g.expand(pick(g, "{", `{"level":30,"time":%{millis},"pid":%{small},`, `{"level":"%{level}","ts":%{seconds}.%{count},`))}
	inner := c.phrase == nil && g.oneIn(4)
	for i, f := range all {
		if i > 0 {
			parts = append(parts, literal(","+space))
		}
		quote := `"`
		if text := f.value.text(); strings.Trim(text, digit) == "" && !strings.HasPrefix(text, "0") && g.oneIn(2) {
			quote = "" // a number
		}
		parts = append(parts, literal(`"`+f.key+`":`+space+quote), f.value.mapped(escapeJSON), literal(quote))
		if inner && i == 0 {
			parts = append(parts, g.expand(`,"http":{"method":"%{method}","tags":["%{noun}","%{noun}"]}`))
		}
	}
	return join(append(parts, literal("}"))...)
}

func (g *Generator) accessLine(c content, busy bool) fragment {
	if c.phrase != nil || !urlSafe(c.field.value.text()) || !urlSafe(c.field.key) {
		return nil
	}
	return g.access(g.query(c.field), busy)
}

func (g *Generator) requestURL(c content, _ bool) fragment {
	if c.phrase != nil || !urlSafe(c.field.value.text()) || !urlSafe(c.field.key) {
		return nil
	}
	return g.url(c.field)
}

func (g *Generator) multiline(c content, busy bool) fragment {
	if c.phrase != nil {
		return join(g.expand(pick(g, exceptions...)), c.phrase, g.expand(pick(g, stacks...)))
	}
	switch g.rnd.IntN(3) {
	case 0:
		return g.environment(c.field, busy)
	case 1:
		return g.yaml(c.field, busy)
	default:
		return g.headers(c.field, busy)
	}
}

func (g *Generator) environment(f field, busy bool) fragment {
	if !bare(f.value.text()) {
		return nil
	}
	var lines []fragment
	for _, f := range g.amid(f, busy) {
		lines = append(lines, literal(pick(g, "", "", "  ")), literal(f.key+"="), f.value, literal("\n"))
	}
	return join(slices.Concat([]fragment{g.expand(pick(g, "", "environment of %{pod}:\n"))}, lines)...)
}

// yaml writes a fragment of a manifest; a value of several lines as a block.
func (g *Generator) yaml(f field, busy bool) fragment {
	var parts []fragment
	indent := pick(g, "  ", "    ")
	parts = append(parts, g.expand(pick(g, "config:\n", "apiVersion: v1\nkind: ConfigMap\ndata:\n", "rejected manifest of %{noun}:\nspec:\n")))
	for _, f := range g.amid(f, busy) {
		text := f.value.text()
		switch {
		case strings.Contains(text, "\n"):
			indented := f.value.mapped(func(s string) string { return strings.ReplaceAll(s, "\n", "\n"+indent+"  ") })
			parts = append(parts, literal(indent+f.key+": |\n"+indent+"  "), indented, literal("\n"))
		case bare(text) && g.oneIn(2):
			parts = append(parts, literal(indent+f.key+": "), f.value, literal("\n"))
		default:
			parts = append(parts, literal(indent+f.key+`: "`), f.value.mapped(escapeJSON), literal("\"\n"))
		}
	}
	return join(parts...)
}

// headers writes an HTTP request as debug logs dump it.
func (g *Generator) headers(f field, busy bool) fragment {
	text := f.value.text()
	if strings.Contains(text, "\n") || f.value[0].detector == "secret_assignment" && !bare(text) {
		return nil
	}
	end := pick(g, "\n", "\r\n")
	parts := []fragment{g.expand("%{method} /%{noun} HTTP/1.1" + end + "Host: %{host}" + end)}
	for _, f := range g.amid(f, busy) {
		parts = append(parts, literal(f.key+": "), f.value, literal(end))
	}
	return join(append(parts, g.expand("User-Agent: %{agent}"+end))...)
}

// nested writes JSON inside of a string.
func (g *Generator) nested(c content, busy bool) fragment {
	inner := g.object(c, busy, "")
	switch g.rnd.IntN(3) {
	case 0: // Docker's json-file driver
		return join(literal(`{"log":"`), inner.mapped(escapeJSON), g.expand(`\n","stream":"stdout","time":"%{rfc3339}"}`))
	case 1:
		return join(g.expand(`level=%{level} msg="upstream answered" body="`), inner.mapped(escapeJSON), g.expand(`" took=%{ms}`))
	default:
		return join(g.expand(`%{rfc3339} %{LEVEL} response={"status":%{status},"body":"`), inner.mapped(escapeJSON), literal(`"}`))
	}
}
