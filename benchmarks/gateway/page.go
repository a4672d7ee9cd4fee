package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// pageToken opens the viewer's page.
const pageToken = "the-token-of-the-benchmark"

// pageInterval is how often a page that is open asks for what is new.
const pageInterval = 5 * time.Second

// page is a viewer's, as a program asks for it.
type page string // the address

func (p page) ask(ctx context.Context, call string, parameters url.Values, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+string(p)+"/api/v1/"+call+"?"+parameters.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+pageToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the page's %s is answered with %s", call, response.Status)
	}
	if answer == nil {
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// leftOut is how many records it has left out.
func (p page) leftOut(ctx context.Context) (int64, error) {
	var status struct {
		LeftOut int64 `json:"left_out"`
	}
	return status.LeftOut, p.ask(ctx, "status", nil, &status)
}

// watch asks for all that a browser asks for, which shows the last 15 minutes with the facets
// open, until the context ends. It returns how often.
func (p page) watch(ctx context.Context) (times int, err error) {
	window := func(name, value string) url.Values {
		return url.Values{"from": {"now-15m"}, "to": {"now"}, name: {value}}
	}
	for ctx.Err() == nil {
		for _, call := range []struct {
			name       string
			parameters url.Values
		}{
			{"status", nil},
			{"records", window("limit", "200")},
			{"volume", window("buckets", "120")},
			{"facets", window("limit", "8")},
		} {
			if err := p.ask(ctx, call.name, call.parameters, nil); err != nil && ctx.Err() == nil {
				return times, err
			}
		}
		times++
		_ = sleep(ctx, pageInterval) // ends early with the context
	}
	return times, nil
}
