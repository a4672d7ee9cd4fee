package main

import (
	"os"

	"github.com/sirupsen/logrus"
)

type logrusHook struct{}

func (logrusHook) Levels() []logrus.Level { return logrus.AllLevels }

func (logrusHook) Fire(entry *logrus.Entry) error {
	if entry.Context != nil {
		fromContext(entry.Context, func(key, value string) { entry.Data[key] = value })
	}
	return nil
}

func logrusRun(formatter logrus.Formatter, caller bool) {
	base := logrus.New()
	base.SetOutput(os.Stdout)
	base.SetLevel(logrus.TraceLevel)
	base.SetFormatter(formatter)
	base.SetReportCaller(caller)
	base.AddHook(logrusHook{})
	base.ExitFunc = func(int) {}
	logger := base.WithField("logger", loggerName)
	logger.Trace("a trace message")
	logger.Debug("a debug message")
	logger.Info("an info message")
	logger.Warn("a warning message")
	logger.Error("an error message")
	logger.Fatal("a fatal message")
	logger.WithFields(fields()).Info("order placed")
	logger.Info(unicode)
	logger.Info(lines)
	logger.WithContext(request()).Info("request handled")
	logger.WithError(pay()).Error("payment failed")
	logger.Info("the end")
}

func logrusJSON() {
	logrusRun(&logrus.JSONFormatter{}, true)
}

func logrusText() {
	logrusRun(&logrus.TextFormatter{}, false)
}
