package corpus

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const perDetector = 120

// everything is samples of all three sorts.
func everything(seed uint64) []Sample {
	g := New(seed)
	var all []Sample
	for _, name := range Detectors() {
		for range perDetector {
			all = append(all, g.Sample(name), g.NearMiss(name))
		}
	}
	for range 2000 {
		all = append(all, g.Benign())
	}
	return all
}

func TestDetectorsAreThoseOfTheContract(t *testing.T) {
	want := []string{
		"anthropic_key", "aws_access_key_id", "aws_secret_access_key", "azure_client_secret", "azure_sas",
		"azure_storage_key", "basic_auth", "bearer_token", "br_cpf", "card_cvv", "card_pin", "card_track",
		"datadog_key", "email", "gcp_api_key", "gcp_oauth_secret", "github_token", "gitlab_token", "heroku_key",
		"iban", "ipv4", "ipv6", "jwt", "mac_address", "nl_bsn", "npm_token", "openai_key", "payment_card", "phone",
		"private_key", "pypi_token", "secret_assignment", "sendgrid_key", "slack_token", "slack_webhook",
		"stripe_key", "twilio_key", "uk_nhs", "url_password", "us_ssn",
	}
	assert.Equal(t, want, Detectors())
	for _, name := range want {
		assert.NotEmpty(t, Family(name), name)
	}
	assert.Empty(t, Family("unknown"))
	assert.Zero(t, New(1).Sample("unknown"))
	assert.Zero(t, New(1).NearMiss("unknown"))
}

func TestLabelsAreSortedAndApartAndInBounds(t *testing.T) {
	for _, s := range everything(1) {
		type span struct{ start, end int }
		var spans []span
		for _, p := range s.Secrets {
			spans = append(spans, span{p.Start, p.End})
			require.NotEmpty(t, Family(p.Detector), "%+v", s)
		}
		require.True(t, slices.IsSortedFunc(spans, func(a, b span) int { return a.start - b.start }), "%+v", s)
		for _, m := range s.NearMisses {
			spans = append(spans, span{m.Start, m.End})
			require.NotEmpty(t, m.Kind)
		}
		slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
		end := 0
		for _, at := range spans {
			require.GreaterOrEqual(t, at.start, end, "%+v", s)
			require.Greater(t, at.end, at.start, "%+v", s)
			require.LessOrEqual(t, at.end, len(s.Text), "%+v", s)
			end = at.end
		}
		require.Equal(t, s.Form == FormValue, s.Key != "", "%+v", s)
		require.NotContains(t, s.Text, "%{", "a template was not filled in")
	}
}

func TestEverySortHoldsWhatItPromises(t *testing.T) {
	g := New(2)
	for _, name := range Detectors() {
		forms := make(map[string]bool)
		for range perDetector {
			s := g.Sample(name)
			forms[s.Form] = true
			require.True(t, slices.ContainsFunc(s.Secrets, func(p Planted) bool { return p.Detector == name }), "%+v", s)
			require.Empty(t, s.NearMisses)

			s = g.NearMiss(name)
			require.Empty(t, s.Secrets, "%+v", s)
			require.NotEmpty(t, s.NearMisses, "%+v", s)
			require.Equal(t, name, s.NearMisses[0].Detector)
		}
		assert.GreaterOrEqual(t, len(forms), 4, "%s only in %v", name, forms)
	}
	for range 2000 {
		s := g.Benign()
		require.Empty(t, s.Secrets)
		require.Empty(t, s.NearMisses)
	}
}

// Every kind of look-alike and every form turns up, so that none is dead.
func TestVariety(t *testing.T) {
	unseenForms := map[string]bool{
		FormLogfmt: true, FormJSON: true, FormAccess: true, FormText: true,
		FormValue: true, FormURL: true, FormMultiline: true, FormNested: true,
	}
	for _, s := range everything(3) {
		delete(unseenForms, s.Form)
	}
	assert.Empty(t, unseenForms)
	g := New(4)
	for name, d := range detectors {
		unseen := make(map[string]bool)
		for _, m := range d.misses {
			unseen[m.kind] = true
		}
		for range 400 {
			delete(unseen, g.NearMiss(name).NearMisses[0].Kind)
		}
		assert.Empty(t, unseen, name)
	}
}

func TestTheSeedDecides(t *testing.T) {
	first := everything(5)
	assert.Equal(t, first, everything(5))
	assert.NotEqual(t, first, everything(6))
}

// Simple expressions for what would be a secret if it stood unlabelled.
var suspicious = map[string]*regexp.Regexp{
	"email":               regexp.MustCompile(`[\w.+-]+@[\w-]+\.[a-zA-Z]{2,}`),
	"ipv4":                regexp.MustCompile(`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`),
	"mac_address":         regexp.MustCompile(`(?i)\b[0-9a-f]{2}([:-][0-9a-f]{2}){5}\b`),
	"ipv6":                regexp.MustCompile(`(?i)\b[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}\b|::[0-9a-f]|[0-9a-f]{3,4}::`),
	"us_ssn":              regexp.MustCompile(`\b\d{3}-\d{2}-\d{4}\b`),
	"br_cpf":              regexp.MustCompile(`\b\d{3}\.\d{3}\.\d{3}-\d{2}\b`),
	"iban":                regexp.MustCompile(`\b[A-Z]{2}\d{2}[A-Z0-9]{11,}\b`),
	"jwt":                 regexp.MustCompile(`\beyJ[\w-]+\.[\w-]+\.[\w-]+`),
	"private_key":         regexp.MustCompile(`PRIVATE KEY-----`),
	"phone":               regexp.MustCompile(`\+\d{6,}|\(\d{3}\) `),
	"url_password":        regexp.MustCompile(`://[^/\s:@|]*:[^/\s:@|]+@`),
	"basic or bearer":     regexp.MustCompile(`(?i)\b(basic|bearer) [A-Za-z0-9+/]*[0-9][A-Za-z0-9+/]{8,}`),
	"assignment":          regexp.MustCompile(`(?i)(password|passwd|pwd|secret|api_?key)["' ]*[:=]["' ]*[a-z0-9]`),
	"aws and google keys": regexp.MustCompile(`\b(A[KS]IA[A-Z2-7]{16}|AIza[\w-]{35})\b`),
	"prefixed token":      regexp.MustCompile(`\b(gh[pousr]_\w{36}|npm_\w{36}|glpat-[\w-]{20}|xox[abprs]-\d|[sr]k_(live|test)_\w{20}|SG\.[\w-]{22}\.|sk-(ant|proj)-\w{20})`),
}

func TestNothingStandsUnlabelled(t *testing.T) {
	for _, s := range everything(7) {
		rest := []byte(s.Text)
		for _, p := range s.Secrets {
			for i := p.Start; i < p.End; i++ {
				rest[i] = '|'
			}
		}
		for _, p := range s.NearMisses {
			for i := p.Start; i < p.End; i++ {
				rest[i] = '|'
			}
		}
		for name, expression := range suspicious {
			require.NotRegexp(t, expression, string(rest), "looks like %s in %s", name, s.Text)
		}
	}
}

func TestFlagName(t *testing.T) {
	for key, want := range map[string]string{"dbPassword": "--db-password", "DB_PASSWORD": "--db-password", "db.password": "--db-password", "X-Api-Key": "--x-api-key", "cvv2": "--cvv2"} {
		assert.Equal(t, want, flagName(key))
	}
}

func TestNoCardByAccident(t *testing.T) {
	valid := "4" + "000000000000002"
	require.True(t, accidentalCard(Sample{Text: "id=" + valid}))
	require.True(t, accidentalCard(Sample{Text: "4000 0000-0000 0002"}))
	require.True(t, accidentalCard(Sample{Text: "12 4000 0000 0000 0002"}), "a part of the groups")
	require.False(t, accidentalCard(Sample{Text: "4000 0000 0000 0003"}))
	require.False(t, accidentalCard(Sample{Text: valid, Secrets: []Planted{{Detector: "payment_card", End: len(valid)}}}))
	for _, s := range everything(8) {
		require.False(t, accidentalCard(s))
	}
}
