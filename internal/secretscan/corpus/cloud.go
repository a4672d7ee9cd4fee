package corpus

import (
	"encoding/base64"
	"net/url"
	"strings"
)

var cloudCredentials = map[string]detector{
	"aws_access_key_id": {
		value: unkeyed(func(g *Generator) string { return pick(g, "AK", "AK", "AS") + "IA" + g.chars(base32, 16) }),
		keys:  []string{"aws_access_key_id", "AWS_ACCESS_KEY_ID", "accessKeyId", "AccessKeyId", "aws.key.id", "userIdentity"},
		phrases: []string{
			"using credentials of %{aws_access_key_id}",
			"The AWS Access Key Id %{aws_access_key_id} does not exist in our records.",
			"sts: assumed as '%{aws_access_key_id}'; expires in 1h",
			"Credential=%{aws_access_key_id}/20260101/eu-west-1/s3/aws4_request",
			"export AWS_ACCESS_KEY_ID=%{aws_access_key_id} AWS_SECRET_ACCESS_KEY=%{aws_secret_access_key|x}",
		},
		misses: []lookalike{
			{kind: "too short", value: func(g *Generator) string { return "AK" + "IA" + g.chars(base32, g.between(8, 15)) }},
			{kind: "too long", value: func(g *Generator) string { return "AK" + "IA" + g.chars(base32, g.between(18, 24)) }},
			{kind: "lower case", value: func(g *Generator) string { return "ak" + "ia" + g.chars(lower, 16) }},
			{kind: "not base32", value: func(g *Generator) string { return "AK" + "IA" + g.chars(base32, 7) + "0189" + g.chars(base32, 5) }},
			{kind: "unknown prefix", value: func(g *Generator) string { return "AK" + "IX" + g.chars(base32, 16) }},
			{kind: "resource name", phrase: "arn:aws:s3:::%{noun}-%{short}/%{date}"},
		},
	},
	"aws_secret_access_key": {
		value: unkeyed(func(g *Generator) string { return g.mixed(11) + pick(g, "/", "+", "x") + g.mixed(28) }),
		keys:  []string{"aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "secret_access_key", "secretAccessKey", "SecretAccessKey"},
		phrases: []string{
			"aws_secret_access_key = %{aws_secret_access_key}",
			"aws secret: %{aws_secret_access_key}",
			`"AccessKeyId":"%{aws_access_key_id}","SecretAccessKey":"%{aws_secret_access_key}"`,
			"--secret-access-key %{aws_secret_access_key}",
		},
		misses: []lookalike{
			placeholder("aws_secret_access_key", "secretAccessKey"),
			{kind: "placeholder", phrase: "aws_secret_access_key=****************"},
			{kind: "placeholder", phrase: "AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY}"},
			{kind: "placeholder", phrase: `"secretAccessKey":null`},
			{kind: "prose", phrase: "aws secret rotation finished in %{ms}"},
			{kind: "no context", value: func(g *Generator) string { return g.mixed(40) }},
			{kind: "commit", phrase: "aws deploy of %{commit} done"},
		},
	},
	"gcp_api_key": {
		value: unkeyed(func(g *Generator) string { return "AI" + "za" + g.chars(base64URL, 34) + g.chars(alnum, 1) }),
		keys:  []string{"key", "api_key", "google.api.key", "GOOGLE_API_KEY", "apiKey"},
		phrases: []string{
			"maps request denied for key %{gcp_api_key}",
			"API key %{gcp_api_key}. Check the restrictions.",
			"https://maps.googleapis.com/maps/api/geocode/json?address=Delft&key=%{gcp_api_key}",
			"firebase.initializeApp({apiKey: '%{gcp_api_key}'})",
			"(%{gcp_api_key})",
		},
		misses: []lookalike{
			{kind: "too short", value: func(g *Generator) string { return "AI" + "za" + g.chars(alnum, g.between(8, 30)) }},
			{kind: "other prefix", value: func(g *Generator) string { return "AI" + "zb" + g.chars(alnum, 35) }},
			{kind: "lower case", value: func(g *Generator) string { return "ai" + "za" + g.chars(alnum, 35) }},
		},
	},
	"gcp_oauth_secret": {
		value: func(g *Generator, _ string) string {
			if g.oneIn(2) {
				return "GOC" + "SPX-" + g.chars(base64URL, 27) + g.chars(alnum, 1)
			}
			return "ya" + "29." + g.chars(alnum, 1) + g.chars(base64URL, g.between(100, 180)) + g.chars(alnum, 1)
		},
		keys: []string{"client_secret", "access_token", "clientSecret", "GOOGLE_CLIENT_SECRET", "oauth.access_token"},
		phrases: []string{
			"refreshed %{gcp_oauth_secret} for drive",
			"Authorization: Bearer %{gcp_oauth_secret}",
			"oauth client uses '%{gcp_oauth_secret}'",
			"tokeninfo?access_token=%{gcp_oauth_secret}",
		},
		misses: []lookalike{
			{kind: "too short", value: func(g *Generator) string { return "GOC" + "SPX-" + g.chars(alnum, 6) }},
			{kind: "prefix alone", phrase: "value must begin with GOCSPX-"},
			{kind: "client id", phrase: "client %{order}-%{short}.apps.googleusercontent.com"},
			{kind: "version", phrase: "built with ya29 tools"},
		},
	},
	"azure_storage_key": {
		value: func(g *Generator, key string) string {
			if strings.Contains(key, "Shared") {
				return g.base64(32)
			}
			return g.base64(64)
		},
		keys: []string{"AccountKey", "SharedAccessKey"},
		phrases: []string{
			"DefaultEndpointsProtocol=https;AccountName=%{noun};AccountKey=%{azure_storage_key};EndpointSuffix=core.windows.net",
			"Endpoint=sb://%{noun}.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=%{azure_storage_key|Shared}",
			"Endpoint=sb://%{noun}.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=%{azure_storage_key|Shared};EntityPath=%{noun}",
			"HostName=%{noun}.azure-devices.net;DeviceId=d%{small};SharedAccessKey=%{azure_storage_key|Shared}",
			`connection "AccountName=%{noun};AccountKey=%{azure_storage_key}" refused`,
		},
		misses: []lookalike{
			{kind: "no context", value: func(g *Generator) string { return g.base64(64) }},
			{kind: "key name", phrase: "SharedAccessKeyName=RootManageSharedAccessKey;EntityPath=%{noun}"},
			{kind: "placeholder", phrase: "AccountName=%{noun};AccountKey=****;EndpointSuffix=core.windows.net"},
			{kind: "digest", phrase: "sha512 %{sha256}%{sha256}"},
		},
	},
	"azure_client_secret": {
		value: unkeyed(func(g *Generator) string {
			return g.chars(alnum, 3) + g.chars(digit, 1) + "Q~" + g.chars(alnum+"-_.~", g.between(30, 33)) + g.chars(alnum, 1)
		}),
		keys: []string{"client_secret", "AZURE_CLIENT_SECRET", "clientSecret", "azure.client-secret"},
		phrases: []string{
			"AADSTS7000222: the secret %{azure_client_secret} is expired",
			"az login --service-principal -u %{uuid} -p %{azure_client_secret} --tenant %{uuid}",
			"app registered with '%{azure_client_secret}'",
			"client_secret=%{azure_client_secret}&grant_type=client_credentials",
		},
		misses: []lookalike{
			{kind: "too short", value: func(g *Generator) string { return g.chars(alnum, 3) + "8Q~" + g.chars(alnum, 12) }},
			{kind: "no digit", value: func(g *Generator) string { return g.chars(alnum, 3) + "xQ~" + g.chars(alnum, 33) }},
			{kind: "other mark", value: func(g *Generator) string { return g.chars(alnum, 3) + "8Q-" + g.chars(lower, 10) }},
			{kind: "tenant", phrase: "tenant %{uuid} has no such application"},
		},
	},
	"azure_sas": {
		value:     unkeyed(func(g *Generator) string { return url.QueryEscape(g.base64(32)) }),
		attribute: struct{ key, template string }{"url.full", "https://%{noun}.blob.core.windows.net/%{noun}?sv=2022-11-02&sr=b&sig=%{azure_sas}&sp=r"},
		phrases: []string{
			"https://%{noun}.blob.core.windows.net/%{noun}/%{date}.csv?sv=2022-11-02&ss=b&srt=sco&sp=r&se=2026-12-31T00%3A00%3A00Z&spr=https&sig=%{azure_sas}",
			"PUT https://%{noun}.blob.core.windows.net/%{noun}?sv=2023-01-03&sr=c&sig=%{azure_sas}&se=2026-12-31&sp=rw failed with 403",
			"copy source 'https://%{noun}.file.core.windows.net/%{noun}?sp=r&st=%{date}&sv=2022-11-02&sr=b&sig=%{azure_sas}'",
			"wrote <https://%{noun}.queue.core.windows.net/%{noun}?sv=2021-08-06&sig=%{azure_sas}>",
		},
		misses: []lookalike{
			{kind: "signal", phrase: "process stopped sig=SIGTERM after %{ms}"},
			{kind: "signal", phrase: "worker exited sig=9"},
			{kind: "url without signature", phrase: "https://%{noun}.blob.core.windows.net/%{noun}?sv=2022-11-02&comp=list"},
			{kind: "placeholder", phrase: "https://%{noun}.blob.core.windows.net/%{noun}?sv=2022-11-02&sig=****"},
		},
	},
}

// macaroon makes a token of PyPI: a version 2 macaroon (libmacaroons' binary
// format) with location, identifier, one caveat and a 32-byte signature.
func macaroon(g *Generator, location string) string {
	field := func(kind byte, data string) string { return string([]byte{kind, byte(len(data))}) + data }
	const end = "\x00"
	return "pypi-" + base64.RawURLEncoding.EncodeToString([]byte("\x02"+
		field(1, location)+field(2, g.uuid())+end+
		field(2, `[3,"`+g.uuid()+`"]`)+end+end+
		field(6, string(g.bytes(32)))))
}
