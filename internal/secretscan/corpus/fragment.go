package corpus

import "strings"

// piece is text with at most one label: of a secret, or of a look-alike when it
// has a kind.
type piece struct {
	text, detector, kind string
}

// fragment is labelled text under construction. Labels travel with their
// pieces, so that escaping and joining cannot shift them.
type fragment []piece

func literal(text string) fragment {
	return fragment{{text: text}}
}

func secret(detector, text string) fragment {
	return fragment{{text: text, detector: detector}}
}

func join(parts ...fragment) fragment {
	var all fragment
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// mapped returns the fragment with each piece's text rewritten, which is right
// for rewriting that looks at single characters, as escaping does.
func (f fragment) mapped(rewrite func(string) string) fragment {
	out := make(fragment, len(f))
	for i, p := range f {
		p.text = rewrite(p.text)
		out[i] = p
	}
	return out
}

func (f fragment) text() string {
	var b strings.Builder
	for _, p := range f {
		b.WriteString(p.text)
	}
	return b.String()
}

func (f fragment) sample(form string) Sample {
	s := Sample{Form: form}
	var b strings.Builder
	for _, p := range f {
		start := b.Len()
		b.WriteString(p.text)
		switch {
		case p.detector == "" || p.text == "":
		case p.kind == "":
			s.Secrets = append(s.Secrets, Planted{Detector: p.detector, Start: start, End: b.Len()})
		case len(s.NearMisses) > 0 && s.NearMisses[len(s.NearMisses)-1].End == start &&
			s.NearMisses[len(s.NearMisses)-1].Kind == p.kind:
			s.NearMisses[len(s.NearMisses)-1].End = b.Len()
		default:
			s.NearMisses = append(s.NearMisses, NearMiss{Detector: p.detector, Kind: p.kind, Start: start, End: b.Len()})
		}
	}
	s.Text = b.String()
	return s
}

// expand fills a template in. %{name} stands for a planted secret of the
// detector of that name, %{name|key} for one as it stands under key, and
// %{word} for a harmless value of the words table.
func (g *Generator) expand(template string) fragment {
	var f fragment
	for {
		before, rest, found := strings.Cut(template, "%{")
		if before != "" {
			f = append(f, piece{text: before})
		}
		if !found {
			return f
		}
		name, after, _ := strings.Cut(rest, "}")
		name, key, _ := strings.Cut(name, "|")
		if kind, ok := detectors[name]; ok {
			f = append(f, secret(name, kind.value(g, key))...)
		} else if word, ok := words[name]; ok {
			f = append(f, piece{text: word(g)})
		} else {
			f = append(f, piece{text: "%{" + name + "}"})
		}
		template = after
	}
}

var jsonEscaper = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`, "\t", `\t`)

func escapeJSON(s string) string { return jsonEscaper.Replace(s) }
