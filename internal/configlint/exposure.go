package configlint

import (
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// listener is a server of a receiver.
type listener struct {
	path []string // below the receiver's settings
	// headers says that senders can show a token or a password, beside a certificate.
	headers bool
}

// listeners by type of receiver: those that can have TLS.
var listeners = map[string][]listener{
	"otlp":   {{[]string{"protocols", "grpc"}, true}, {[]string{"protocols", "http"}, true}},
	"logfmt": {{[]string{"tcp"}, false}, {[]string{"http"}, true}},
}

// exposure finds what can be reached, or read, by more people than it is meant for.
func (k *checker) exposure() {
	k.passwordsInURLs()
	ids, in := k.users(receiversOf)
	for _, id := range ids {
		for _, l := range listeners[typeOf(id)] {
			server, set := k.settings(kindReceiver, id)
			for _, name := range l.path {
				server, set = server.section(name)
			}
			if set && isOpen(server.text("endpoint")) {
				k.openListener(place{kindReceiver, id, in[id], server.path}, server, l.headers)
			}
		}
	}
	ids, in = k.users(exportersOf)
	for _, id := range ids {
		page, set := k.settings(kindExporter, id)
		if !set || typeOf(id) != "viewer" || !isOpen(page.text("endpoint")) {
			continue
		}
		// It asks for a token by itself, which goes through the network with each request.
		if _, secured := page.section("tls"); !secured {
			k.find(rulePlainListener, place{kindExporter, id, in[id], page.path})
		}
	}
	for _, id := range k.extensions {
		page, defined := k.settings(kindExtension, id)
		if kind := typeOf(id); defined && (kind == "zpages" || kind == "pprof") && isOpen(page.text("endpoint")) {
			k.find(ruleOpenPage, place{kindExtension, id, nil, append(page.path, "endpoint")})
		}
	}
}

func (k *checker) openListener(at place, server settings, headers bool) {
	tls, secured := server.section("tls")
	if !secured {
		k.find(rulePlainListener, at)
	}
	_, authenticated := server.section("auth")
	key := strings.Join(at.key, "::")
	switch {
	case authenticated || tls.text("client_ca_file") != "" || tls.text("client_ca_pem") != "":
	case headers:
		k.find(ruleOpenListener, at, "remedy", "Set "+key+"::auth, or "+key+"::tls::client_ca_file for certificates of clients")
	default:
		k.find(ruleOpenListener, at, "remedy", "Set "+key+"::tls::client_ca_file, which asks for certificates of clients")
	}
}

// isOpen says that an endpoint is of another address than the machine's own.
func isOpen(endpoint string) bool {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil || host == "localhost" {
		return false // a socket of unix, or the default
	}
	addr, err := netip.ParseAddr(host)
	return err != nil || !addr.IsLoopback()
}

// passwordsInURLs looks at all texts of components that a pipeline or the service uses.
func (k *checker) passwordsInURLs() {
	for _, kind := range kinds {
		ids, in := k.extensions, map[string][]string{}
		switch kind {
		case kindReceiver:
			ids, in = k.users(receiversOf)
		case kindProcessor:
			ids, in = k.users(processorsOf)
		case kindExporter, kindConnector:
			ids, in = k.users(exportersOf)
		}
		for _, id := range ids {
			s, _ := k.settings(kind, id)
			walkTexts(s.path, s.values, func(path []string, text string) {
				if hasPassword(text) {
					k.find(rulePasswordInURL, place{kind, id, in[id], path})
				}
			})
		}
	}
}

func walkTexts(path []string, value any, visit func(path []string, text string)) {
	switch value := value.(type) {
	case string:
		visit(path, value)
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			walkTexts(append(slices.Clone(path), name), value[name], visit)
		}
	case []any:
		for i, item := range value {
			walkTexts(append(slices.Clone(path), strconv.Itoa(i)), item, visit)
		}
	}
}

// hasPassword says that a text is a URL with a password. OTTL's statements and other texts
// with blanks are none.
func hasPassword(text string) bool {
	if !strings.Contains(text, "://") || strings.ContainsAny(text, " \t\n\"") {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return false
	}
	password, set := u.User.Password()
	return set && password != ""
}
