package corpus

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJudgeOfThreeNaiveScanners(t *testing.T) {
	samples := everything(21)
	scores := Judge(samples, func(s Sample) []Planted { return s.Secrets })
	require.Len(t, scores, len(Detectors()))
	for _, score := range scores {
		assert.GreaterOrEqual(t, score.Planted(), perDetector, score.Detector)
		assert.InDelta(t, 1, score.Recall(), 0, score.Detector)
		assert.InDelta(t, 1, score.Precision(), 0, score.Detector)
		assert.Zero(t, score.Misnamed+score.Excess)
	}
	for _, score := range Judge(samples, func(Sample) []Planted { return nil }) {
		assert.Zero(t, score.Recall(), score.Detector)
	}
	all := Judge(samples, func(s Sample) []Planted {
		return []Planted{{Detector: "secret_assignment", Start: 0, End: len(s.Text)}}
	})
	for _, score := range all {
		if score.Detector == "secret_assignment" {
			assert.InDelta(t, 1, score.Recall(), 0)
			assert.Less(t, score.Precision(), 0.1)
			assert.Positive(t, score.Excess)
		}
	}
}

func TestJudge(t *testing.T) {
	const text = "0123456789abcdefghij"
	sample := Sample{Text: text, Secrets: []Planted{{"payment_card", 5, 15}}}
	f := func(name string, found []Planted, want ...Score) {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, want, Judge([]Sample{sample}, func(Sample) []Planted { return found }))
		})
	}
	f("exact", []Planted{{"payment_card", 5, 15}}, Score{Detector: "payment_card", TruePositive: 1})
	f("nothing", nil, Score{Detector: "payment_card", FalseNegative: 1})
	f("a part", []Planted{{"payment_card", 5, 14}}, Score{Detector: "payment_card", FalseNegative: 1})
	f("two parts", []Planted{{"payment_card", 9, 15}, {"payment_card", 5, 9}}, Score{Detector: "payment_card", TruePositive: 1})
	f("a gap", []Planted{{"payment_card", 5, 9}, {"payment_card", 10, 15}}, Score{Detector: "payment_card", FalseNegative: 1})
	f("too wide", []Planted{{"payment_card", 4, 15}}, Score{Detector: "payment_card", TruePositive: 1, Excess: 1})
	f("another name of the family", []Planted{{"iban", 5, 15}},
		Score{Detector: "iban", FalsePositive: 1}, Score{Detector: "payment_card", TruePositive: 1, Misnamed: 1})
	f("another family", []Planted{{"phone", 5, 15}},
		Score{Detector: "payment_card", FalseNegative: 1}, Score{Detector: "phone", FalsePositive: 1})
	f("elsewhere", []Planted{{"payment_card", 0, 5}, {"payment_card", 5, 15}},
		Score{Detector: "payment_card", TruePositive: 1, FalsePositive: 1})
}

func TestScore(t *testing.T) {
	s := Score{TruePositive: 9, Misnamed: 1, FalsePositive: 2, FalseNegative: 3}
	assert.InDelta(t, 0.75, s.Recall(), 0)
	assert.InDelta(t, 0.8, s.Precision(), 0)
	assert.InDelta(t, 1, Score{}.Recall(), 0)
	assert.InDelta(t, 1, Score{}.Precision(), 0)
}

func TestWriteMarkdown(t *testing.T) {
	var b strings.Builder
	require.NoError(t, WriteMarkdown(&b, 42, 500, []Score{
		{Detector: "iban", TruePositive: 3, FalseNegative: 1, FalsePositive: 1},
		{Detector: "ipv4", FalseNegative: 2},
		{Detector: "jwt", FalsePositive: 1},
	}))
	assert.Equal(t, `Seed 42, 500 samples per detector.

| detector | planted | recall | precision | misnamed | too wide |
| --- | ---: | ---: | ---: | ---: | ---: |
| `+"`iban`"+` | 4 | 0.7500 | 0.7500 | 0 | 0 |
| `+"`ipv4`"+` | 2 | 0.0000 | – | 0 | 0 |
| `+"`jwt`"+` | 0 | – | 0.0000 | 0 | 0 |
`, b.String())
}
