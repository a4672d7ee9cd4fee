package archiveplan

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Prices are what S3 asks for, in US dollars.
type Prices struct {
	// AsOf says whose they are, and when they were so.
	AsOf    string
	Classes map[string]ClassPrices
}

// ClassPrices are those of a storage class.
type ClassPrices struct {
	Storage float64 // a GiB for a month
	Put     float64 // 1,000 PUT or LIST requests
	Get     float64 // 1,000 GET or HEAD requests
	MinSize int64   // bytes that an object is counted with at least
	MinDays int     // days that an object is counted with at least
}

// DefaultPrices are AWS's list prices in us-east-1 for the first 50 TB, without taxes,
// discounts and what leaves AWS's network, as they were known in 2025 from
// https://aws.amazon.com/s3/pricing/. They are not asked for again: --price changes them.
var DefaultPrices = Prices{
	AsOf: "us-east-1, list prices of 2025 for the first 50 TB",
	Classes: map[string]ClassPrices{
		"STANDARD":            {Storage: 0.023, Put: 0.005, Get: 0.0004},
		"INTELLIGENT_TIERING": {Storage: 0.023, Put: 0.005, Get: 0.0004},
		"STANDARD_IA":         {Storage: 0.0125, Put: 0.01, Get: 0.001, MinSize: 128 << 10, MinDays: 30},
		"ONEZONE_IA":          {Storage: 0.01, Put: 0.01, Get: 0.001, MinSize: 128 << 10, MinDays: 30},
		"GLACIER_IR":          {Storage: 0.004, Put: 0.02, Get: 0.01, MinSize: 128 << 10, MinDays: 90},
		"GLACIER":             {Storage: 0.0036, Put: 0.03, Get: 0.0004, MinDays: 90},
		"DEEP_ARCHIVE":        {Storage: 0.00099, Put: 0.05, Get: 0.0004, MinDays: 180},
	},
}

func (p Prices) names() []string { return slices.Sorted(maps.Keys(p.Classes)) }

// Clone is a copy that may be changed.
func (p Prices) Clone() Prices {
	p.Classes = maps.Clone(p.Classes)
	return p
}

// Set changes a price: CLASS.storage=0.021, CLASS.put=0.005, CLASS.get=0.0004.
func (p *Prices) Set(text string) error {
	name, value, found := strings.Cut(text, "=")
	class, what, dotted := strings.Cut(name, ".")
	price, err := strconv.ParseFloat(value, 64)
	prices, known := p.Classes[class]
	switch {
	case !found || !dotted || err != nil || !(price >= 0 && price < 1e6):
		return fmt.Errorf("price %q is not of the form STANDARD.storage=0.023", text)
	case !known:
		return fmt.Errorf("price %q: the storage class %q is not known; known are %s", text, class, strings.Join(p.names(), ", "))
	}
	switch what {
	case "storage":
		prices.Storage = price
	case "put":
		prices.Put = price
	case "get":
		prices.Get = price
	default:
		return fmt.Errorf("price %q: %q is not known; it is storage (a GiB for a month), put or get (1,000 requests)", text, what)
	}
	p.Classes[class] = prices
	p.AsOf = strings.TrimSuffix(p.AsOf, changed) + changed
	return nil
}

const changed = ", changed by --price"
