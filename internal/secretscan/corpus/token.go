package corpus

import "strings"

var serviceTokens = map[string]detector{
	"github_token": {
		value: unkeyed(func(g *Generator) string {
			if g.oneIn(4) {
				return "github" + "_pat_" + g.chars(alnum, 22) + "_" + g.chars(alnum, 59)
			}
			body := g.chars(alnum, 30)
			return "gh" + pick(g, "p", "p", "o", "u", "s", "r") + "_" + body + crcBase62(body)
		}),
		keys: []string{"token", "GITHUB_TOKEN", "GH_TOKEN", "githubToken", "auth", "github.token"},
		phrases: []string{
			"git clone https://x-access-token:%{github_token}@github.com/acme/%{noun}.git",
			"Authorization: token %{github_token}",
			"Bad credentials for %{github_token}.",
			"remote: push declined due to %{github_token}",
			"GITHUB_TOKEN=%{github_token} make release",
			"using '%{github_token}', scopes repo",
		},
		misses: []lookalike{
			{kind: "wrong checksum", value: func(g *Generator) string { return "gh" + "p_" + wrongChecksum(g) }},
			{kind: "wrong length", value: func(g *Generator) string { return "gh" + "p_" + g.chars(alnum, pick(g, 8, 20, 30)) }},
			{kind: "unknown prefix", value: func(g *Generator) string { body := g.chars(alnum, 30); return "gh" + "x_" + body + crcBase62(body) }},
			{kind: "commit", value: words["commit"]},
			{kind: "prefix alone", phrase: "expected a token that begins with ghp_"},
		},
	},
	"npm_token": {
		value: unkeyed(func(g *Generator) string {
			body := g.chars(alnum, 30)
			return "np" + "m_" + body + crcBase62(body)
		}),
		keys: []string{"NPM_TOKEN", "npmToken", "_authToken", "NODE_AUTH_TOKEN"},
		phrases: []string{
			"//registry.npmjs.org/:_authToken=%{npm_token}",
			"npm ERR! 401 with %{npm_token}",
			"published by '%{npm_token}'",
			"npm token %{npm_token} revoked.",
		},
		misses: []lookalike{
			{kind: "wrong checksum", value: func(g *Generator) string { return "np" + "m_" + wrongChecksum(g) }},
			{kind: "environment", phrase: "npm_config_registry and npm_lifecycle_event are set"},
			{kind: "environment", phrase: "npm_package_dependencies_%{noun} is %{semver}"},
		},
	},
	"pypi_token": {
		value: unkeyed(func(g *Generator) string { return macaroon(g, pick(g, "pypi.org", "test.pypi.org")) }),
		keys:  []string{"TWINE_PASSWORD", "password", "PYPI_TOKEN", "pypi.token"},
		phrases: []string{
			"twine upload -u __token__ -p %{pypi_token} dist/*",
			"UV_PUBLISH_TOKEN=%{pypi_token}",
			"403 for %{pypi_token}",
			"(%{pypi_token})",
		},
		misses: []lookalike{
			{kind: "other location", value: func(g *Generator) string { return macaroon(g, "example.org") }},
			{kind: "not a macaroon", value: func(g *Generator) string { return "pypi-" + g.chars(lower, 24) }},
			{kind: "action name", phrase: "uses pypa/gh-action-pypi-publish@release/v1"},
		},
	},
	"gitlab_token": {
		value: unkeyed(func(g *Generator) string {
			return "gl" + pick(g, "pat-", "pat-", "dt-", "rt-", "cbt-", "ptt-", "ft-", "agent-", "soat-", "oas-") + g.mixed(g.between(20, 40))
		}),
		keys: []string{"PRIVATE-TOKEN", "token", "GITLAB_TOKEN", "gitlabToken", "private_token"},
		phrases: []string{
			"PRIVATE-TOKEN: %{gitlab_token}",
			"https://oauth2:%{gitlab_token}@gitlab.example.com/acme/%{noun}.git",
			"runner registered with %{gitlab_token}.",
			"token '%{gitlab_token}' was revoked",
			"(%{gitlab_token})",
		},
		misses: []lookalike{
			{kind: "too short", value: func(g *Generator) string { return "gl" + "pat-" + g.chars(alnum, g.between(4, 12)) }},
			{kind: "unknown prefix", value: func(g *Generator) string { return "gl" + "pot-" + g.chars(alnum, 20) }},
			{kind: "prefix alone", phrase: "personal tokens begin with glpat-"},
		},
	},
	"slack_token": {
		value: unkeyed(func(g *Generator) string {
			n := func() string { return g.chars("123456789", 1) + g.chars(digit, g.between(10, 12)) + "-" }
			return pick(g,
				"xox"+"b-"+n()+n()+g.mixed(24),
				"xox"+"p-"+n()+n()+n()+g.chars(hexDigit, 32),
				"xox"+"a-2-"+n()+n()+n()+g.chars(hexDigit, 32),
				"xox"+"r-"+n()+n()+n()+g.chars(hexDigit, 32),
				"xox"+"s-"+n()+n()+n()+g.chars(hexDigit, 10),
				"xox"+"e.xox"+"p-1-"+g.mixed(146),
				"xa"+"pp-1-A"+g.chars(digit+upper, 10)+"-"+n()+g.chars(hexDigit, 64))
		}),
		keys: []string{"SLACK_TOKEN", "slack_token", "slackToken", "token", "SLACK_BOT_TOKEN"},
		phrases: []string{
			"slack: invalid_auth for %{slack_token}",
			"Authorization: Bearer %{slack_token}",
			"bot started with %{slack_token}.",
			"chat.postMessage token=%{slack_token}&channel=general",
			"'%{slack_token}' lacks chat:write",
		},
		misses: []lookalike{
			{kind: "prefix alone", phrase: "bot tokens begin with xoxb-"},
			{kind: "greeting", phrase: "regards, xoxo-%{user}"},
			{kind: "unknown prefix", value: func(g *Generator) string { return "xox" + "z-" + g.number(12) + "-" + g.chars(alnum, 10) }},
			{kind: "application", phrase: "started xapp with %{small} workers"},
		},
	},
	"slack_webhook": {
		value: unkeyed(func(g *Generator) string {
			return "T" + g.chars(upper+digit, g.between(8, 10)) + "/B" + g.chars(upper+digit, g.between(8, 10)) + "/" + g.mixed(24)
		}),
		attribute: struct{ key, template string }{"webhook.url", "https://hooks.slack." + "com/services/%{slack_webhook}"},
		phrases: []string{
			"POST https://hooks.slack." + "com/services/%{slack_webhook} returned %{status}",
			"webhook 'https://hooks.slack." + "com/services/%{slack_webhook}'",
			"url=https://hooks.slack." + "com/services/%{slack_webhook}",
			"alertmanager notifies <https://hooks.slack." + "com/services/%{slack_webhook}>, then mails",
		},
		misses: []lookalike{
			{kind: "no path", phrase: "cannot resolve hooks.slack.com"},
			{kind: "no parts", phrase: "see https://hooks.slack.com/services/ for details"},
			{kind: "documentation", phrase: "see https://api.slack.com/messaging/webhooks"},
		},
	},
	"stripe_key": {
		value: unkeyed(func(g *Generator) string {
			return pick(g, pick(g, "sk", "rk")+"_"+pick(g, "live", "test")+"_"+g.mixed(pick(g, 24, 32, 99)), "wh"+"sec_"+g.mixed(32))
		}),
		keys: []string{"STRIPE_SECRET_KEY", "stripe_key", "stripeApiKey", "api_key", "stripe.secret"},
		phrases: []string{
			"Invalid API Key provided: %{stripe_key}",
			"curl https://api.stripe.com/v1/charges -u %{stripe_key}: -d amount=%{count}",
			"webhook endpoint signs with %{stripe_key}.",
			"Stripe.apiKey = \"%{stripe_key}\";",
			"key (%{stripe_key}) is restricted",
		},
		misses: []lookalike{
			{kind: "publishable", value: func(g *Generator) string { return "pk" + "_live_" + g.mixed(24) }},
			{kind: "object id", value: func(g *Generator) string { return pick(g, "cus_", "pi_", "ch_", "evt_", "req_") + g.mixed(14) }},
			{kind: "prefix alone", phrase: "keys begin with sk_live_ or sk_test_"},
			{kind: "identifier", phrase: "flag task_live_updates and risk_test_mode are on"},
		},
	},
	"twilio_key": {
		value: func(g *Generator, key string) string {
			if strings.Contains(strings.ToLower(key), "auth") {
				return g.chars(hexDigit, 32)
			}
			return "SK" + g.chars(hexDigit, 32)
		},
		keys: []string{"TWILIO_API_KEY", "twilio_api_key", "twilioKey", "TWILIO_AUTH_TOKEN", "twilio_auth_token", "twilioAuthToken"},
		phrases: []string{
			"twilio key %{twilio_key} is revoked",
			"using %{twilio_key}.",
			"twilio auth token: %{twilio_key|auth}",
			"twilio auth_token=%{twilio_key|auth}",
			"(%{twilio_key})",
		},
		misses: []lookalike{
			{kind: "account id", value: func(g *Generator) string { return "AC" + g.chars(hexDigit, 32) }},
			{kind: "message id", value: func(g *Generator) string { return pick(g, "SM", "MM", "CA") + g.chars(hexDigit, 32) }},
			{kind: "wrong length", value: func(g *Generator) string { return "SK" + g.chars(hexDigit, pick(g, 16, 28, 40)) }},
			{kind: "no context", value: words["trace"]},
		},
	},
	"sendgrid_key": {
		value: unkeyed(func(g *Generator) string {
			return "SG" + "." + g.chars(base64URL, 22) + "." + g.chars(base64URL, 42) + g.chars(alnum, 1)
		}),
		keys: []string{"SENDGRID_API_KEY", "sendgridKey", "api_key", "sendgrid.key"},
		phrases: []string{
			"sendgrid: 401 for %{sendgrid_key}",
			"Authorization: Bearer %{sendgrid_key}",
			"mail relay uses '%{sendgrid_key}'",
			"key %{sendgrid_key}, scope mail.send",
		},
		misses: []lookalike{
			{kind: "too short", value: func(g *Generator) string { return "SG" + "." + g.chars(alnum, 6) + "." + g.chars(alnum, 8) }},
			{kind: "two parts", value: func(g *Generator) string { return "SG" + "." + g.chars(alnum, 22) }},
			{kind: "host name", phrase: "resolved SG.%{noun}.example.com"},
		},
	},
	"heroku_key": {
		value: func(g *Generator, key string) string {
			if key != "" && g.oneIn(2) {
				return g.uuid()
			}
			return "HR" + "KU-AA" + g.chars(base64URL, 57) + g.chars(alnum, 1)
		},
		keys: []string{"HEROKU_API_KEY", "heroku_api_key", "herokuApiKey"},
		phrases: []string{
			"heroku api key: %{heroku_key|heroku}",
			"heroku login with %{heroku_key}",
			"HEROKU_API_KEY=%{heroku_key|heroku} git push heroku main",
			"token '%{heroku_key}' expires",
		},
		misses: []lookalike{
			{kind: "uuid without context", value: (*Generator).uuid},
			{kind: "too short", value: func(g *Generator) string { return "HR" + "KU-AA" + g.chars(alnum, 10) }},
			{kind: "router line", phrase: "at=info method=GET path=\"/%{noun}\" host=%{noun}.herokuapp.com request_id=%{uuid} dyno=web.%{small} service=%{ms}"},
			{kind: "release", phrase: "heroku release v%{small} of %{short}"},
		},
	},
	"anthropic_key": {
		value: unkeyed(func(g *Generator) string {
			return "sk-" + "ant-" + pick(g, "api03-", "api03-", "admin01-", "oat01-") + g.chars(alnum, 1) + g.chars(base64URL, 92) + "AA"
		}),
		keys: []string{"ANTHROPIC_API_KEY", "x-api-key", "anthropicApiKey", "api_key"},
		phrases: []string{
			"x-api-key: %{anthropic_key}",
			"authentication_error for %{anthropic_key}",
			"key '%{anthropic_key}' over its limit",
			"(%{anthropic_key})",
		},
		misses: []lookalike{
			{kind: "prefix alone", phrase: "keys begin with sk-ant-"},
			{kind: "hyphenated words", phrase: "label task-ant-colony set"},
		},
	},
	"openai_key": {
		value: unkeyed(func(g *Generator) string {
			const mark = "T3Blbk" + "FJ"
			return pick(g,
				"sk-"+g.chars(alnum, 20)+mark+g.chars(alnum, 20),
				"sk-"+pick(g, "proj-", "svcacct-", "admin-")+g.chars(alnum, 1)+g.chars(base64URL, 73)+mark+g.chars(base64URL, 73)+g.chars(alnum, 1))
		}),
		keys: []string{"OPENAI_API_KEY", "openaiApiKey", "api_key", "openai.key"},
		phrases: []string{
			"Incorrect API key provided: %{openai_key}.",
			"Authorization: Bearer %{openai_key}",
			"openai.api_key = '%{openai_key}'",
			"quota of (%{openai_key}) exceeded",
		},
		misses: []lookalike{
			{kind: "prefix alone", phrase: "keys begin with sk-"},
			{kind: "hyphenated words", phrase: "import of sk-learn-contrib took %{ms}"},
			{kind: "hyphenated words", phrase: "queues disk-admin-%{noun} and task-proj-%{noun} drained"},
		},
	},
}

// wrongChecksum is thirty characters with a checksum that isn't theirs.
func wrongChecksum(g *Generator) string {
	body := g.chars(alnum, 30)
	return body + crcBase62(body+"x")
}
