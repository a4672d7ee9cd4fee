package configlint

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteJSON writes the report as one JSON document.
func (r *Report) WriteJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteText writes the report for people: a heading for each set of pipelines, below it
// each finding with what is lost and what to do, and a count at the end.
func (r *Report) WriteText(out io.Writer) error {
	var b strings.Builder
	heading := ""
	for _, f := range r.Findings {
		if h := headingOf(f); h != heading {
			heading = h
			fmt.Fprintf(&b, "%s\n\n", h)
		}
		level := string(f.Level)
		if f.Accepted {
			level = "accepted"
		}
		fmt.Fprintf(&b, "  %s %s: %s %s (%s)\n", level, f.Rule, f.Kind, f.Component, f.place())
		fmt.Fprintf(&b, "    %s\n    %s\n\n", f.Lost, f.Remedy)
	}
	for _, allow := range r.Unused {
		fmt.Fprintf(&b, "--allow %s accepts nothing\n", allow)
	}
	fmt.Fprintf(&b, "%s, %s", plural(r.Errors, "error"), plural(r.Warnings, "warning"))
	if r.Accepted > 0 {
		fmt.Fprintf(&b, ", %d accepted", r.Accepted)
	}
	b.WriteString("\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func headingOf(f Finding) string {
	switch len(f.Pipelines) {
	case 0:
		return "in no pipeline"
	case 1:
		return "pipeline " + f.Pipelines[0]
	}
	return "pipelines " + strings.Join(f.Pipelines, ", ")
}

func (f Finding) place() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d", f.File, f.Line)
}
