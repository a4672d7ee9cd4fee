package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// profile fetches a CPU profile of so many seconds, and then one of the heap.
func profile(ctx context.Context, address string, seconds int, file string) error {
	base := "http://" + address + "/debug/pprof/"
	return errors.Join(
		fetch(ctx, base+"profile?seconds="+strconv.Itoa(seconds), file+".pprof"),
		fetch(ctx, base+"heap", file+".heap.pprof"),
	)
}

func fetch(ctx context.Context, url, file string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if text, err = withoutPaths(text); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// stringTable is the field of a profile that has its texts, as pprof's proto/profile.proto says.
const stringTable = 6

// withoutPaths gives a profile that does not tell where on this machine the program is: one of
// them is committed.
func withoutPaths(profile []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	err := eachField(profile, func(number protowire.Number, field []byte, text string) error {
		if number == stringTable && path.IsAbs(text) {
			field = protowire.AppendTag(nil, stringTable, protowire.BytesType)
			field = protowire.AppendString(field, path.Base(text))
		}
		_, err := w.Write(field)
		return err
	})
	err = errors.Join(err, w.Close())
	return out.Bytes(), err
}

// eachField visits the fields of a profile; text is the content of those of bytes.
func eachField(profile []byte, visit func(number protowire.Number, field []byte, text string) error) error {
	r, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		return fmt.Errorf("read a profile: %w", err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read a profile: %w", err)
	}
	for len(plain) > 0 {
		number, kind, n := protowire.ConsumeField(plain)
		if n < 0 {
			return fmt.Errorf("read a profile: %w", protowire.ParseError(n))
		}
		text := ""
		if kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(plain[protowire.SizeTag(number):n])
			text = string(content)
		}
		if err := visit(number, plain[:n], text); err != nil {
			return err
		}
		plain = plain[n:]
	}
	return nil
}
