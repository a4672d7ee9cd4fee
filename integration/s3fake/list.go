package s3fake

import (
	"encoding/base64"
	"encoding/xml"
	"net/url"
	"slices"
	"strings"
)

// maxKeys is what one page of a list holds at most.
const maxKeys = 1000

// page is what a list is asked for.
type page struct {
	prefix, delimiter string
	limit             int
	from              string                      // no key before it
	skip              func(key string) bool       // keys that were on the pages before
	of                func(key string) []*Version // what counts of a key, newest first
}

// list gives the versions and the common prefixes of a page in the order of their keys.
// last is the last entry, which may be a prefix: lastVersion is nil then.
func (b *bucket) list(p page) (items []*Version, prefixes []string, last string, lastVersion *Version, truncated bool) {
	at, _ := slices.BinarySearch(b.keys, max(p.prefix, p.from))
	count := 0
	for _, key := range b.keys[at:] {
		rest, ok := strings.CutPrefix(key, p.prefix)
		if !ok {
			break
		}
		if p.skip(key) {
			continue
		}
		versions := p.of(key)
		if len(versions) == 0 {
			continue
		}
		if p.delimiter != "" {
			if head, _, ok := strings.Cut(rest, p.delimiter); ok {
				common := p.prefix + head + p.delimiter
				if n := len(prefixes); n > 0 && prefixes[n-1] == common {
					continue
				}
				if count >= p.limit {
					return items, prefixes, last, lastVersion, true
				}
				count++
				prefixes = append(prefixes, common)
				last, lastVersion = common, nil
				continue
			}
		}
		for _, v := range versions {
			if count >= p.limit {
				return items, prefixes, last, lastVersion, true
			}
			count++
			items = append(items, v)
			last, lastVersion = key, v
		}
	}
	return items, prefixes, last, lastVersion, false
}

// encoder is how a list says keys: as they are, or as a URL would.
func encoder(q *request) (func(string) string, *apiError) {
	switch q.query.Get("encoding-type") {
	case "":
		return func(s string) string { return s }, nil
	case "url":
		return func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/") }, nil
	}
	return nil, invalidArgument("Invalid Encoding Method specified in Request")
}

type listedPrefix struct{ Prefix string }

type listedOwner struct{ ID string }

func (s *Server) listObjects(q *request) (*answer, *apiError) {
	encode, e := encoder(q)
	if e != nil {
		return nil, e
	}
	limit, e := queryInt(q, "max-keys")
	if e != nil {
		return nil, e
	}
	after := q.query.Get("start-after")
	skip := func(key string) bool { return after != "" && key <= after }
	from := after
	if token := q.query.Get("continuation-token"); token != "" {
		kind, last, ok := readToken(token)
		if !ok {
			return nil, invalidArgument("The continuation token provided is incorrect")
		}
		from = last
		skip = func(key string) bool { return key <= last || kind == tokenPrefix && strings.HasPrefix(key, last) }
	}
	return inBucket(s, q, func(b *bucket) (*answer, *apiError) {
		type object struct {
			Key, LastModified, ETag string
			ChecksumAlgorithm       string `xml:",omitempty"`
			ChecksumType            string `xml:",omitempty"`
			Size                    int64
			StorageClass            string
			Owner                   *listedOwner
		}
		out := struct {
			XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
			Name, Prefix          string
			Delimiter             string `xml:",omitempty"`
			StartAfter            string `xml:",omitempty"`
			ContinuationToken     string `xml:",omitempty"`
			NextContinuationToken string `xml:",omitempty"`
			KeyCount, MaxKeys     int
			EncodingType          string `xml:",omitempty"`
			IsTruncated           bool
			Contents              []object
			CommonPrefixes        []listedPrefix
		}{
			Name: b.name, Prefix: encode(q.query.Get("prefix")), Delimiter: encode(q.query.Get("delimiter")),
			StartAfter: encode(after), ContinuationToken: q.query.Get("continuation-token"),
			MaxKeys: limit, EncodingType: q.query.Get("encoding-type"),
		}
		items, prefixes, last, lastVersion, truncated := b.list(page{
			prefix: q.query.Get("prefix"), delimiter: q.query.Get("delimiter"), limit: limit, from: from, skip: skip,
			of: func(key string) []*Version {
				if v := b.current(key); !v.DeleteMarker {
					return []*Version{v}
				}
				return nil
			},
		})
		for _, v := range items {
			one := object{
				Key: encode(v.Key), LastModified: v.Modified.UTC().Format(lockTime), ETag: `"` + v.ETag + `"`,
				Size: v.Size, StorageClass: v.StorageClass,
			}
			one.ChecksumAlgorithm, one.ChecksumType = v.listedSum()
			if q.query.Get("fetch-owner") == "true" {
				one.Owner = &listedOwner{Owner}
			}
			out.Contents = append(out.Contents, one)
		}
		for _, p := range prefixes {
			out.CommonPrefixes = append(out.CommonPrefixes, listedPrefix{encode(p)})
		}
		out.KeyCount = len(items) + len(prefixes)
		if truncated && limit > 0 {
			out.IsTruncated = true
			out.NextContinuationToken = makeToken(last, lastVersion == nil)
		}
		return answerXML(out), nil
	})
}

func (v *Version) listedSum() (algorithm, kind string) {
	if v.Checksum == "" {
		return "", ""
	}
	return v.Algorithm, "FULL_OBJECT"
}

const (
	tokenKey    = 'k'
	tokenPrefix = 'p'
)

func makeToken(last string, isPrefix bool) string {
	kind := tokenKey
	if isPrefix {
		kind = tokenPrefix
	}
	return base64.URLEncoding.EncodeToString([]byte(string(kind) + last))
}

func readToken(token string) (kind rune, last string, ok bool) {
	raw, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(raw) == 0 {
		return 0, "", false
	}
	return rune(raw[0]), string(raw[1:]), true
}

func (s *Server) listVersions(q *request) (*answer, *apiError) {
	encode, e := encoder(q)
	if e != nil {
		return nil, e
	}
	limit, e := queryInt(q, "max-keys")
	if e != nil {
		return nil, e
	}
	keyMarker, idMarker, delimiter := q.query.Get("key-marker"), q.query.Get("version-id-marker"), q.query.Get("delimiter")
	if idMarker != "" && keyMarker == "" {
		return nil, invalidArgument("A version-id marker cannot be specified without a key marker.")
	}
	return inBucket(s, q, func(b *bucket) (*answer, *apiError) {
		type entry struct {
			XMLName           xml.Name
			Key               string
			ID                string `xml:"VersionId"`
			IsLatest          bool
			LastModified      string
			ETag              string `xml:",omitempty"`
			ChecksumAlgorithm string `xml:",omitempty"`
			ChecksumType      string `xml:",omitempty"`
			Size              *int64
			StorageClass      string `xml:",omitempty"`
			Owner             listedOwner
		}
		out := struct {
			XMLName             xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListVersionsResult"`
			Name, Prefix        string
			Delimiter           string `xml:",omitempty"`
			KeyMarker           string
			VersionIDMarker     string `xml:"VersionIdMarker"`
			NextKeyMarker       string `xml:",omitempty"`
			NextVersionIDMarker string `xml:"NextVersionIdMarker,omitempty"`
			MaxKeys             int
			EncodingType        string `xml:",omitempty"`
			IsTruncated         bool
			Entries             []entry
			CommonPrefixes      []listedPrefix
		}{
			Name: b.name, Prefix: encode(q.query.Get("prefix")), Delimiter: encode(delimiter),
			KeyMarker: encode(keyMarker), VersionIDMarker: idMarker, MaxKeys: limit, EncodingType: q.query.Get("encoding-type"),
		}
		items, prefixes, last, lastVersion, truncated := b.list(page{
			prefix: q.query.Get("prefix"), delimiter: delimiter, limit: limit, from: keyMarker,
			skip: func(key string) bool {
				if keyMarker == "" || idMarker != "" && key == keyMarker {
					return false
				}
				return key <= keyMarker || delimiter != "" && strings.HasSuffix(keyMarker, delimiter) && strings.HasPrefix(key, keyMarker)
			},
			of: func(key string) []*Version {
				newest := slices.Clone(b.objects[key])
				slices.Reverse(newest)
				if idMarker != "" && key == keyMarker {
					at := slices.IndexFunc(newest, func(v *Version) bool { return v.ID == idMarker })
					newest = newest[at+1:]
				}
				return newest
			},
		})
		for _, v := range items {
			one := entry{
				Key: encode(v.Key), ID: v.ID, IsLatest: b.current(v.Key) == v,
				LastModified: v.Modified.UTC().Format(lockTime), Owner: listedOwner{Owner},
			}
			one.XMLName.Local = "DeleteMarker"
			if !v.DeleteMarker {
				one.XMLName.Local, one.ETag, one.Size, one.StorageClass = "Version", `"`+v.ETag+`"`, &v.Size, v.StorageClass
				one.ChecksumAlgorithm, one.ChecksumType = v.listedSum()
			}
			out.Entries = append(out.Entries, one)
		}
		for _, p := range prefixes {
			out.CommonPrefixes = append(out.CommonPrefixes, listedPrefix{encode(p)})
		}
		if truncated && limit > 0 {
			out.IsTruncated = true
			out.NextKeyMarker = encode(last)
			if lastVersion != nil {
				out.NextVersionIDMarker = lastVersion.ID
			}
		}
		return answerXML(out), nil
	})
}
