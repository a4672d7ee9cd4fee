package otlpdepth

// JSONScanner reads a request in JSON. It may not be shared between goroutines.
type JSONScanner struct {
	most    int
	depth   int
	text    bool
	escaped bool
	err     error
}

const (
	// levelsOfRequest are the objects and lists around the outermost value: an exemplar's
	// attribute in a metric is the deepest, {resourceMetrics:[{scopeMetrics:[{metrics:[{
	// gauge:{dataPoints:[{exemplars:[{filteredAttributes:[{value:{.
	levelsOfRequest = 15
	// levelsOfMap is what a map in a map adds: kvlistValue:{values:[{value:{. A list adds
	// one less.
	levelsOfMap = 4
)

// NewJSONScanner makes a scanner with a limit as NewScanner takes it. Objects and lists of
// JSON are counted, whatever they stand for: what passes has no more than so many lists
// within each other and a third.
func NewJSONScanner(most int) *JSONScanner {
	return &JSONScanner{most: most}
}

// Write takes the next bytes of the request. The error wraps ErrTooDeep, and stays.
func (s *JSONScanner) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	limit := levelsOfRequest + levelsOfMap*s.most
	for _, b := range p {
		switch {
		case s.escaped:
			s.escaped = false
		case s.text:
			s.escaped = b == '\\'
			s.text = b != '"'
		case b == '"':
			s.text = true
		case b == '{' || b == '[':
			if s.depth++; s.depth > limit {
				s.err = tooDeep(s.most)
				return 0, s.err
			}
		case b == '}' || b == ']':
			s.depth--
		}
	}
	return len(p), nil
}
