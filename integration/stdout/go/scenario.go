package main

import (
	"context"
	"errors"
	"fmt"
)

// What every program of this folder logs; ../README.md has it as a table.

const (
	unicode = "grüße äöü 日本語 🚀"
	lines   = "first line\nsecond \"quoted\" line\n\tthird \\ line"

	loggerName = "shop.checkout"
	requestID  = "req-7f3a91"
	traceID    = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID     = "00f067aa0ba902b7"
)

type address struct {
	City string `json:"city"`
}

type customer struct {
	ID      int     `json:"id"`
	Address address `json:"address"`
}

var buyer = customer{ID: 7, Address: address{City: "Zürich"}}

func fields() map[string]any {
	return map[string]any{
		"order_id": "A-17",
		"items":    3,
		"price":    99.99,
		"paid":     true,
		"coupon":   nil,
		"tags":     []string{"new", "gift"},
		"customer": buyer,
	}
}

var errGateway = errors.New("gateway timeout: 30 s")

func pay() error {
	return fmt.Errorf("card declined: %w", errGateway)
}

type contextKey struct{}

// request is a context as an HTTP middleware would make it.
func request() context.Context {
	return context.WithValue(context.Background(), contextKey{}, map[string]string{
		"request_id": requestID,
		"trace_id":   traceID,
		"span_id":    spanID,
	})
}

// fromContext calls add for each field that the request has.
func fromContext(ctx context.Context, add func(key, value string)) {
	found, _ := ctx.Value(contextKey{}).(map[string]string)
	for _, key := range []string{"request_id", "trace_id", "span_id"} {
		if value, ok := found[key]; ok {
			add(key, value)
		}
	}
}
