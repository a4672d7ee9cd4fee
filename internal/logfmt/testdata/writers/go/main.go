// Command writers writes the cases of cases.json with one logfmt writer.
//
//	go run . NAME < cases.json
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"log/slog"
	"os"
	"strings"

	apexlog "github.com/apex/log"
	apexlogfmt "github.com/apex/log/handlers/logfmt"
	charm "github.com/charmbracelet/log"
	kitlog "github.com/go-kit/log"
	"github.com/go-logfmt/logfmt"
	"github.com/inconshreveable/log15/v3"
	zaplogfmt "github.com/jsternberg/zap-logfmt"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

type entry struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

func main() {
	var cases []entry
	dec := json.NewDecoder(os.Stdin)
	dec.UseNumber()
	if err := dec.Decode(&cases); err != nil {
		log.Fatal(err)
	}
	for i, c := range cases {
		if n, ok := c.Value.(json.Number); ok {
			if v, err := n.Int64(); err == nil {
				cases[i].Value = v
			} else if v, err := n.Float64(); err == nil {
				cases[i].Value = v
			}
		}
	}
	write := writers[os.Args[1]]()
	for _, c := range cases {
		write(c.Name, c.Value)
	}
}

var writers = map[string]func() func(string, any){
	"go-logfmt": func() func(string, any) {
		enc := logfmt.NewEncoder(os.Stdout)
		return func(name string, v any) {
			must(enc.EncodeKeyvals("case", name, "v", v))
			must(enc.EndRecord())
		}
	},
	"go-kit": func() func(string, any) {
		l := kitlog.NewLogfmtLogger(os.Stdout)
		return func(name string, v any) { must(l.Log("case", name, "v", v)) }
	},
	"logrus": func() func(string, any) {
		l := logrus.New()
		l.SetOutput(os.Stdout)
		l.SetFormatter(&logrus.TextFormatter{DisableColors: true, FullTimestamp: true})
		return func(name string, v any) {
			l.WithFields(logrus.Fields{"case": name, "v": v}).Info("it happened")
		}
	},
	"slog": func() func(string, any) {
		l := slog.New(slog.NewTextHandler(os.Stdout, nil))
		return func(name string, v any) { l.Info("it happened", "case", name, "v", v) }
	},
	"log15": func() func(string, any) {
		l := log15.New()
		l.SetHandler(log15.StreamHandler(os.Stdout, log15.LogfmtFormat()))
		return func(name string, v any) { l.Info("it happened", "case", name, "v", v) }
	},
	"charmbracelet": func() func(string, any) {
		l := charm.NewWithOptions(os.Stdout, charm.Options{Formatter: charm.LogfmtFormatter, ReportTimestamp: true})
		return func(name string, v any) { l.Info("it happened", "case", name, "v", v) }
	},
	"apex": func() func(string, any) {
		l := &apexlog.Logger{Handler: apexlogfmt.New(os.Stdout), Level: apexlog.InfoLevel}
		return func(name string, v any) { l.WithFields(apexlog.Fields{"case": name, "v": v}).Info("it happened") }
	},
	"zap-logfmt": func() func(string, any) {
		cfg := zap.NewProductionEncoderConfig()
		l := zap.New(zapcore.NewCore(zaplogfmt.NewEncoder(cfg), zapcore.AddSync(os.Stdout), zapcore.InfoLevel))
		return func(name string, v any) { l.Info("it happened", zap.String("case", name), zap.Any("v", v)) }
	},
	"heartwood-check": func() func(string, any) { // lists the cases, to see that all are there
		return func(name string, v any) {
			var b bytes.Buffer
			must(json.NewEncoder(&b).Encode(v))
			must2(os.Stdout.WriteString(name + " " + strings.TrimSpace(b.String()) + "\n"))
		}
	},
}

func must(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
	}
}

func must2(_ int, err error) { must(err) }
