package main

import (
	"flag"
	"os"

	"k8s.io/klog/v2"
)

func klogText() {
	set := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(set)
	_ = set.Set("logtostderr", "false")
	_ = set.Set("stderrthreshold", "FATAL")
	klog.SetOutput(os.Stdout)
	_ = set.Set("one_output", "true")

	klog.Info("an info message")
	klog.Warning("a warning message")
	klog.Error("an error message")
	klog.InfoS("order placed", "order_id", "A-17", "items", 3, "price", 99.99, "paid", true,
		"coupon", nil, "tags", []string{"new", "gift"}, "customer", buyer)
	klog.Info(unicode)
	klog.Info(lines)
	logger := klog.FromContext(klog.NewContext(request(), klog.Background().WithName(loggerName)))
	var pairs []any
	fromContext(request(), func(key, value string) { pairs = append(pairs, key, value) })
	logger.Info("request handled", pairs...)
	klog.ErrorS(pay(), "payment failed")
	klog.Info("the end")
	klog.Flush()
}
