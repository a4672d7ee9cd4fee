package corpus

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
)

var applicationCredentials = map[string]detector{
	"jwt": {
		value: unkeyed(jwt),
		keys:  []string{"token", "id_token", "access_token", "jwt", "accessToken", "session"},
		phrases: []string{
			"Authorization: Bearer %{jwt}",
			"token %{jwt} is expired",
			"jwt: signature of %{jwt}.",
			"Set-Cookie: sid=%{jwt}; HttpOnly; Path=/",
			"GET /callback?id_token=%{jwt}&state=%{short} done",
			"claims of (%{jwt}) refused",
			"'%{jwt}'",
		},
		misses: []lookalike{
			{kind: "header without alg", value: func(g *Generator) string {
				return encodeURL(`{"typ":"JWT","v":1}`) + "." + g.base64URL(30) + "." + g.base64URL(32)
			}},
			{kind: "header no JSON", value: func(g *Generator) string { return g.base64URL(20) + "." + g.base64URL(30) + "." + g.base64URL(32) }},
			{kind: "two parts", value: func(g *Generator) string { return encodeURL(`{"alg":"HS256"}`) + "." + g.base64URL(20) }},
			{kind: "class name", phrase: "com.example.%{noun}.%{noun}Service.handle failed"},
		},
	},
	"private_key": {
		value: unkeyed(privateKey),
		keys:  []string{"private_key", "privateKey", "tls.key", "PRIVATE_KEY", "ssh_key"},
		phrases: []string{
			"loaded key\n%{private_key}\nfrom disk",
			"%{private_key}",
			"cannot parse key: %{private_key}",
			"-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUb\n-----END CERTIFICATE-----\n%{private_key}\n",
		},
		misses: []lookalike{
			{kind: "certificate", value: func(g *Generator) string { return block("CERTIFICATE", g.bytes(300)) }},
			{kind: "public key", value: func(g *Generator) string { return block(pick(g, "PUBLIC KEY", "RSA PUBLIC KEY"), g.bytes(162)) }},
			{kind: "request", value: func(g *Generator) string { return block("CERTIFICATE REQUEST", g.bytes(250)) }},
			{kind: "prose", phrase: "private key of %{noun} loaded from /etc/tls/%{noun}.pem"},
		},
	},
	"datadog_key": {
		value: func(g *Generator, key string) string {
			if strings.Contains(strings.ToLower(key), "app") {
				return g.chars(hexDigit, 40)
			}
			return g.chars(hexDigit, 32)
		},
		keys: []string{"dd_api_key", "DD_API_KEY", "DD-API-KEY", "datadog_api_key", "DD-APPLICATION-KEY", "dd-application-key"},
		phrases: []string{
			"datadog api key: %{datadog_key}",
			"DD-API-KEY: %{datadog_key}",
			"DD_API_KEY=%{datadog_key} agent run",
			"dd-application-key: %{datadog_key|app}",
			"curl -H 'DD-API-KEY: %{datadog_key}' https://api.datadoghq.com/api/v1/validate",
		},
		misses: []lookalike{
			placeholder("DD_API_KEY", "dd_api_key"),
			{kind: "trace id", phrase: "dd.trace_id=%{nanos} dd.span_id=%{nanos} dd.version=%{short}"},
			{kind: "no context", value: words["trace"]},
			{kind: "no context", value: words["commit"]},
			{kind: "placeholder", phrase: "DD_API_KEY=********"},
			{kind: "prose", phrase: "datadog agent %{semver} sent %{count} points"},
		},
	},
	"url_password": {
		value: unkeyed(func(g *Generator) string {
			return pick(g, g.mixed(g.between(8, 24)), pick(g, common...)+g.chars(digit, 2), pick(g, common...)+"%40"+g.chars(digit, 3), g.mixed(8)+pick(g, "!", "$", "*", "-", "_", "~")+g.mixed(6))
		}),
		attribute: struct{ key, template string }{"DATABASE_URL", "postgres://%{user}:%{url_password}@%{host}:5432/%{noun}"},
		phrases: []string{
			"postgres://%{user}:%{url_password}@%{host}:5432/%{noun}?sslmode=require",
			"cannot connect to postgresql://%{noun}:%{url_password}@%{host}/%{noun}.",
			"mysql://root:%{url_password}@mysql:3306/%{noun}",
			"mongodb+srv://%{user}:%{url_password}@cluster0.ab1cd.mongodb.example.net/%{noun}?retryWrites=true",
			"redis://:%{url_password}@redis-0.redis:6379/0 refused",
			"amqp://%{user}:%{url_password}@rabbit:5672/%2F",
			"proxy 'http://%{user}:%{url_password}@%{host}:3128' answered 407",
			"git fetch https://%{user}:%{url_password}@git.%{host}/acme/%{noun}.git",
			"DATABASE_URL=postgres://%{noun}:%{url_password}@%{ipv4}:5432/%{noun}",
			"(url=jdbc:postgresql://%{user}:%{url_password}@%{host}/%{noun})",
			"ftp://%{user}:%{url_password}@%{host}/out/%{date}.csv; retry 2",
		},
		misses: []lookalike{
			{kind: "no user", phrase: "postgres://%{host}:5432/%{noun}"},
			{kind: "scope in path", phrase: "GET https://registry.npmjs.org/@%{noun}/client done"},
			{kind: "placeholder", phrase: "postgres://%{user}:****@db:5432/%{noun}"},
			{kind: "placeholder", phrase: "amqp://%{user}:${AMQP_PASSWORD}@rabbit:5672/"},
			{kind: "placeholder", phrase: "redis://:<redacted>@redis:6379/0"},
			{kind: "port", phrase: "http://%{noun}:8080/%{noun}?at=12:30"},
		},
	},
	"basic_auth": {
		value: unkeyed(func(g *Generator) string {
			return base64.StdEncoding.EncodeToString([]byte(pick(g, givenNames...) + ":" + g.mixed(g.between(8, 20))))
		}),
		attribute: struct{ key, template string }{"http.request.header.authorization", "Basic %{basic_auth}"},
		phrases: []string{
			"Authorization: Basic %{basic_auth}",
			"Proxy-Authorization: Basic %{basic_auth}",
			"authorization=\"Basic %{basic_auth}\"",
			"curl -H 'Authorization: Basic %{basic_auth}' https://%{host}/%{noun}",
			"sent Basic %{basic_auth} to %{host}",
			`{"authorization":"Basic %{basic_auth}"}`,
		},
		misses: []lookalike{
			{kind: "challenge", phrase: `WWW-Authenticate: Basic realm="%{noun}"`},
			{kind: "prose", phrase: "Basic authentication required"},
			{kind: "prose", phrase: "plan changed from Basic to Professional"},
			{kind: "no colon", phrase: "Basic aGVsbG8gd29ybGQ= received"},
			{kind: "placeholder", phrase: "Authorization: Basic ****"},
		},
	},
	"bearer_token": {
		value: unkeyed(func(g *Generator) string {
			return pick(g, g.mixed(g.between(20, 48)), g.mixed(20)+"-"+g.mixed(12), g.mixed(10)+"_"+g.mixed(10)+"."+g.mixed(10), g.mixed(30)+"=")
		}),
		attribute: struct{ key, template string }{"authorization", "Bearer %{bearer_token}"},
		phrases: []string{
			"headers: {'Authorization': 'Bearer %{bearer_token}', 'Accept': '*/*'}",
			"Authorization: Bearer %{bearer_token}",
			"authorization: bearer %{bearer_token}",
			"Authorization: Token %{bearer_token}",
			`curl -H "Authorization: Bearer %{bearer_token}" https://%{host}/%{noun}`,
			`{"Authorization":"Bearer %{bearer_token}"}`,
			"header Authorization=[Bearer %{bearer_token}], Accept=[*/*]",
			"sent 'Bearer %{bearer_token}'",
		},
		misses: []lookalike{
			{kind: "challenge", phrase: `WWW-Authenticate: Bearer realm="%{noun}", error="invalid"`},
			{kind: "prose", phrase: "Bearer token missing"},
			{kind: "prose", phrase: "Token expired"},
			{kind: "prose", phrase: "Token validation failed"},
			{kind: "placeholder", phrase: "Authorization: Bearer <token>"},
			{kind: "placeholder", phrase: "Authorization: Bearer ${TOKEN}"},
			{kind: "too short", phrase: "Bearer x1"},
		},
	},
	"secret_assignment": {
		value: assigned,
		keys:  append(passwordKeys, otherSecretKeys...),
		phrases: []string{
			"&{User:%{user} Password:%{secret_assignment|password} Host:db Port:5432}",
			"grant_type=password&username=%{user}&password=%{secret_assignment|password}&scope=all",
			"kubectl create secret generic %{noun} --from-literal=password=%{secret_assignment|password}",
			"LoginRequest[user=%{user}, password=%{secret_assignment|password}]",
			"username: %{user}\n  password: %{secret_assignment|password}\n  host: %{noun}",
			"Server=%{noun};Database=%{noun};User Id=sa;Password=%{secret_assignment|password};Encrypt=true",
			"DataSourceConfig{url=jdbc:h2:mem, username=sa, password=%{secret_assignment|password}, pool=10}",
			"CREATE USER %{noun} WITH PASSWORD = '%{secret_assignment|password}'",
			"host=db user=%{user} password=%{secret_assignment|password} dbname=%{noun} sslmode=disable",
			"(user=%{user}, passwd=%{secret_assignment|password})",
			"mysqldump --user=root --password=%{secret_assignment|password} %{noun}",
			"client_id=%{uuid}&client_secret=%{secret_assignment|secret}&grant_type=client_credentials",
			"curl -H 'X-Api-Key: %{secret_assignment|key}' https://%{host}/%{noun}",
			"SET api_key = '%{secret_assignment|key}';",
		},
		misses: []lookalike{
			placeholder("password", "DB_PASSWORD", "passwd", "client_secret", "api_key", "token"),
			{kind: "other name", phrase: "passed=%{count} failed=0"},
			{kind: "other name", phrase: "tokenizer=bpe vocabulary=%{count}"},
			{kind: "other name", phrase: "primary_key=%{noun}_id sort_key=created_at"},
			{kind: "other name", phrase: "secretary: %{user}, author=%{user}"},
			{kind: "grant type", phrase: "grant_type=password&scope=%{noun}"},
			{kind: "prose", phrase: "password reset requested"},
			{kind: "prose", phrase: "wrong password or unknown user"},
			{kind: "prose", phrase: "secret %{noun}-tls not found"},
			{kind: "placeholder", phrase: "password=****"},
			{kind: "placeholder", phrase: `"password":"********"`},
			{kind: "placeholder", phrase: "password=<redacted>"},
			{kind: "placeholder", phrase: `password: "[REDACTED]"`},
			{kind: "placeholder", phrase: "DB_PASSWORD=${PASSWORD}"},
			{kind: "placeholder", phrase: "token=null"},
			{kind: "placeholder", phrase: "secret: null"},
			{kind: "placeholder", phrase: "UPDATE users SET password = ? WHERE id = %{small}"},
			{kind: "placeholder", phrase: "password: {{ .Values.password }}"},
			{kind: "empty", phrase: `password="" user=%{user}`},
			{kind: "code", phrase: "token = nextToken()"},
			{kind: "code", phrase: "String secret = config.readSecret(path);"},
			{kind: "counter", phrase: "max_tokens=%{count} tokens_used=%{count}"},
			{kind: "object name", phrase: "secretName: %{noun}-tls"},
			{kind: "type", phrase: "token_type=bearer expires_in=3600"},
			{kind: "token in a parser", phrase: "unexpected token: EOF at line %{small}"},
		},
	},
}

var passwordKeys = strings.Fields(`password Password PASSWORD passwd Passwd pwd DB_PASSWORD dbPassword db.password
	user-password POSTGRES_PASSWORD spring.datasource.password MYSQL_PWD old_password passphrase smtp_passwd`)

var otherSecretKeys = strings.Fields(`secret client_secret clientSecret CLIENT_SECRET api_key apiKey api-key API_KEY X-Api-Key
	access_token accessToken refresh_token auth_token access_key private_key session_id sessionId SESSION_SECRET secretKey
	app.secret credential signing-secret`)

func isPasswordKey(key string) bool {
	key = strings.ToLower(key)
	return strings.Contains(key, "pass") || strings.HasSuffix(key, "pwd")
}

// assigned makes what stands under key: for passwords anything people choose,
// for others what machines make.
func assigned(g *Generator, key string) string {
	if !isPasswordKey(key) {
		return pick(g, g.mixed(g.between(20, 44)), g.mixed(12)+"-"+g.mixed(12), g.mixed(32))
	}
	return pick(g, pick(g, common...), pick(g, common...)+g.chars(digit, g.between(1, 4)), g.mixed(g.between(8, 20)),
		g.chars(lower, g.between(6, 12)), g.mixed(7)+pick(g, "!", "#", "*", "_", "-", "+", "^")+g.mixed(6))
}

// awkward makes a password that needs its quotes.
func awkward(g *Generator) string {
	return pick(g,
		pick(g, common...)+" "+pick(g, common...)+" "+pick(g, common...),
		g.mixed(6)+", "+g.mixed(6),
		g.mixed(6)+"; "+g.mixed(6),
		g.mixed(6)+"&="+g.mixed(6)+")",
		g.mixed(6)+`\`+g.mixed(6),
		g.mixed(6)+`"`+g.mixed(6))
}

func encodeURL(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func jwt(g *Generator) string {
	header := pick(g, `{"alg":"HS256","typ":"JWT"}`, `{"typ":"JWT","alg":"RS256"}`, `{"alg":"ES256","kid":"`+g.chars(hexDigit, 8)+`"}`)
	issued := g.moment().Unix()
	claims := fmt.Sprintf(`{"sub":"%s","iat":%d,"exp":%d,"iss":"https://%s/"}`, g.uuid(), issued, issued+3600, pick(g, hosts...))
	size := 32
	if strings.Contains(header, "RS") {
		size = 256
	} else if strings.Contains(header, "ES") {
		size = 64
	}
	return encodeURL(header) + "." + encodeURL(claims) + "." + g.base64URL(size)
}

func block(label string, der []byte) string {
	return strings.TrimSuffix(string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})), "\n")
}

func privateKey(g *Generator) string {
	label := pick(g, "", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH ", "DSA ") + "PRIVATE KEY"
	size := pick(g, 48, 121, 138, 600)
	return block(label, g.bytes(size))
}
