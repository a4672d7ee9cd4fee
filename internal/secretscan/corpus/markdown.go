package corpus

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes scores as a table, with what the samples were made from.
// A detector without findings has no precision, and one of which nothing was
// planted no recall: a dash.
func WriteMarkdown(w io.Writer, seed uint64, perDetector int, scores []Score) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Seed %d, %d samples per detector.\n\n", seed, perDetector)
	b.WriteString("| detector | planted | recall | precision | misnamed | too wide |\n")
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, s := range scores {
		recall, precision := "–", "–"
		if s.Planted() > 0 {
			recall = fmt.Sprintf("%.4f", s.Recall())
		}
		if s.TruePositive-s.Misnamed+s.FalsePositive > 0 {
			precision = fmt.Sprintf("%.4f", s.Precision())
		}
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s | %d | %d |\n", s.Detector, s.Planted(), recall, precision, s.Misnamed, s.Excess)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
