package s3fake

import (
	"bufio"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// payload is a request's body after what was around it has been taken off.
type payload struct {
	data []byte // none with Discard
	size int64
	md5  []byte // none with Discard
	sum  [sha256.Size]byte
	// algorithm and checksum are what the client sent, or CRC-64/NVME where it sent none.
	algorithm, checksum string
	// guarded says that the client sent a checksum or Content-MD5.
	guarded bool
}

// maxPut is what one PutObject may bring.
const maxPut = 5 << 30

// nvme is the polynomial of CRC-64/NVME, reflected.
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// algorithms are S3's checksums, by what follows x-amz-checksum-.
var algorithms = map[string]func() hash.Hash{
	"crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"crc32c":    func() hash.Hash { return crc32.New(castagnoli) },
	"crc64nvme": func() hash.Hash { return crc64.New(nvme) },
	"sha1":      sha1.New,
	"sha256":    sha256.New,
}

const sumPrefix = "x-amz-checksum-"

var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// readBody reads a request's body to its end, and says what is wrong with it. gone:
// the client is, or has sent something that can't be told from that.
func (s *Server) readBody(q *request) (e *apiError, gone bool) {
	p := &q.body
	if q.r.ContentLength > maxPut {
		return fail(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"), false
	}
	var body io.Reader = q.r.Body
	if q.r.Body == nil {
		body = http.NoBody
	}
	content := q.header("X-Amz-Content-Sha256")
	var chunks *chunkReader
	if strings.HasPrefix(content, "STREAMING-") {
		chunks = &chunkReader{from: bufio.NewReaderSize(body, 64<<10)}
		body = chunks
	}
	algorithm, given, e := givenChecksum(q)
	object := q.op == "PutObject"
	keep := !s.settings.Discard || !object
	var all []hash.Hash
	sums := make(map[string]hash.Hash)
	add := func(name string, h hash.Hash) {
		if sums[name] == nil {
			sums[name] = h
			all = append(all, h)
		}
	}
	trusted := !keep && s.settings.TrustSHA256 && algorithm == "sha256" && given != ""
	if !trusted {
		add("sha256", sha256.New())
	}
	if keep || q.header("Content-Md5") != "" {
		add("md5", md5.New())
	}
	if algorithms[algorithm] != nil && keep {
		add(algorithm, algorithms[algorithm]())
	} else if object && keep {
		add("crc64nvme", crc64.New(nvme)) // S3's own, when there's none
	}
	if keep && q.r.ContentLength > 0 && chunks == nil {
		p.data = make([]byte, 0, q.r.ContentLength)
	}
	buffer, _ := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buffer)
	for {
		n, err := body.Read(buffer[:])
		p.size += int64(n)
		for _, h := range all {
			h.Write(buffer[:n])
		}
		if keep {
			p.data = append(p.data, buffer[:n]...)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if _, ok := errors.AsType[*chunkError](err); ok {
				return fail(http.StatusBadRequest, "IncompleteBody", "The request body is malformed: %v", err), false
			}
			return nil, true
		}
	}
	if e != nil {
		return e, false
	}
	if chunks != nil {
		if given, e = chunks.check(q, algorithm, given, p.size); e != nil {
			return e, false
		}
	} else if len(content) == 64 && sums["sha256"] != nil && hex.EncodeToString(sums["sha256"].Sum(nil)) != strings.ToLower(content) {
		return fail(http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."), false
	}
	return p.compare(q, sums, algorithm, given), false
}

// compare holds the sums that were computed against those that were sent.
func (p *payload) compare(q *request, sums map[string]hash.Hash, algorithm, given string) *apiError {
	if sent := q.header("Content-Md5"); sent != "" {
		raw, err := base64.StdEncoding.DecodeString(sent)
		if err != nil || len(raw) != md5.Size {
			return fail(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.")
		}
		if subtle.ConstantTimeCompare(raw, sums["md5"].Sum(nil)) == 0 {
			return fail(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.")
		}
		p.guarded = true
	}
	if given != "" {
		raw, err := base64.StdEncoding.DecodeString(given)
		if err != nil || len(raw) != algorithms[algorithm]().Size() {
			return invalidRequest("Value for %s%s header is invalid.", sumPrefix, algorithm)
		}
		if h := sums[algorithm]; h != nil {
			if subtle.ConstantTimeCompare(raw, h.Sum(nil)) == 0 {
				return fail(http.StatusBadRequest, "BadDigest", "The %s you specified did not match the calculated checksum.", strings.ToUpper(algorithm))
			}
		} else if algorithm == "sha256" {
			copy(p.sum[:], raw)
		}
		p.algorithm, p.checksum, p.guarded = algorithm, given, true
	}
	if h := sums["sha256"]; h != nil {
		h.Sum(p.sum[:0])
	}
	if h := sums["md5"]; h != nil {
		p.md5 = h.Sum(nil)
	}
	if h := sums["crc64nvme"]; h != nil && given == "" {
		p.algorithm, p.checksum = "crc64nvme", base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	return nil
}

// givenChecksum is what a request says in x-amz-checksum-*, or announces as a trailer.
func givenChecksum(q *request) (algorithm, value string, e *apiError) {
	for name, values := range q.r.Header {
		rest, ok := strings.CutPrefix(strings.ToLower(name), sumPrefix)
		if !ok || rest == "mode" || rest == "type" || rest == "algorithm" {
			continue
		}
		if algorithms[rest] == nil {
			return "", "", invalidRequest("The algorithm type you specified in %s header is invalid.", name)
		}
		if algorithm != "" {
			return "", "", invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		algorithm, value = rest, values[0]
	}
	if rest, ok := strings.CutPrefix(strings.ToLower(q.header("X-Amz-Trailer")), sumPrefix); ok {
		if algorithms[rest] == nil || algorithm != "" {
			return "", "", invalidRequest("The value specified in the x-amz-trailer header is not supported")
		}
		algorithm = rest
	}
	return algorithm, value, nil
}

// chunkReader takes the chunks off a body in aws-chunked form:
//
//	chunk   = hex-size [";chunk-signature=" signature] CRLF data CRLF
//	body    = *chunk "0" [";chunk-signature=" signature] CRLF *(name ":" value CRLF) CRLF
type chunkReader struct {
	from    *bufio.Reader
	left    int64
	begun   bool
	ended   bool
	trailer map[string]string
}

type chunkError struct{ what string }

func (e *chunkError) Error() string { return e.what }

func (c *chunkReader) line() (string, error) {
	line, err := c.from.ReadString('\n')
	if err != nil {
		return "", err
	}
	if !strings.HasSuffix(line, "\r\n") {
		return "", &chunkError{fmt.Sprintf("a line without CR: %q", line)}
	}
	return line[:len(line)-2], nil
}

func (c *chunkReader) Read(into []byte) (int, error) {
	if c.ended {
		return 0, io.EOF
	}
	if c.left == 0 {
		if err := c.next(); err != nil {
			if errors.Is(err, io.EOF) && !c.ended {
				return 0, &chunkError{"it ends before its last chunk"}
			}
			return 0, err
		}
	}
	n, err := c.from.Read(into[:min(int64(len(into)), c.left)])
	c.left -= int64(n)
	if errors.Is(err, io.EOF) {
		return n, &chunkError{"it ends within a chunk"}
	}
	return n, err
}

func (c *chunkReader) next() error {
	if c.begun {
		if end, err := c.line(); err != nil {
			return err
		} else if end != "" {
			return &chunkError{fmt.Sprintf("%q after a chunk", end)}
		}
	}
	c.begun = true
	line, err := c.line()
	if err != nil {
		return err
	}
	size, _, _ := strings.Cut(line, ";")
	if c.left, err = strconv.ParseInt(size, 16, 64); err != nil || c.left < 0 {
		return &chunkError{fmt.Sprintf("a chunk of size %q", size)}
	}
	if c.left > 0 {
		return nil
	}
	c.trailer = make(map[string]string)
	for {
		line, err := c.line()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if line == "" {
			c.ended = true
			return io.EOF
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return &chunkError{fmt.Sprintf("a trailer %q", line)}
		}
		c.trailer[strings.ToLower(name)] = strings.TrimSpace(value)
	}
}

// check is for what a body in chunks must have besides, and gives the checksum of its trailer.
func (c *chunkReader) check(q *request, algorithm, given string, size int64) (string, *apiError) {
	if want := q.header("X-Amz-Decoded-Content-Length"); want == "" {
		return "", fail(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	} else if want != strconv.FormatInt(size, 10) {
		return "", fail(http.StatusBadRequest, "IncompleteBody", "The request body terminated unexpectedly")
	}
	name := strings.ToLower(q.header("X-Amz-Trailer"))
	if name == "" {
		return given, nil
	}
	value, ok := c.trailer[name]
	if !ok {
		return "", fail(http.StatusBadRequest, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
	}
	if name == sumPrefix+algorithm {
		return value, nil
	}
	return given, nil
}

// otherSum is a checksum of the same length, and not the same.
func otherSum(sum string) string {
	raw, err := base64.StdEncoding.DecodeString(sum)
	if err != nil || len(raw) == 0 {
		return sum
	}
	raw[0] ^= 1
	return base64.StdEncoding.EncodeToString(raw)
}
