package archive

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Writers is who may write.
type Writers struct {
	Origin string
	Number int64
	// Previous is the SHA-256 of the file before. Number 0 has none.
	Previous Digest
	Keys     []WriterKey
	// Retired are the writers that were shut down in order, and when.
	Retired map[string]time.Time
}

// WriterKey says that a key signs for a writer.
type WriterKey struct {
	Writer string
	VKey   string // <name>+<hash>+<base64>
	// From is the first moment, To the first that is not. A zero To is open. In UTC,
	// whole seconds.
	From, To time.Time
}

// writersForm is the first line of a file.
const writersForm = Format + " writers"

// secondForm is that of times in a file.
const secondForm = "2006-01-02T15:04:05Z"

// Sign checks the file and gives its bytes. The root key's name is RootName of the origin.
func (w *Writers) Sign(root note.Signer) ([]byte, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	if want := RootName(w.Origin); root.Name() != want {
		return nil, fmt.Errorf("the key %q can't sign the writers of %s: the root key's name is %q", root.Name(), w.Origin, want)
	}
	previous := "-"
	if w.Number > 0 {
		previous = w.Previous.String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%d\n%s\n", writersForm, w.Origin, w.Number, previous)
	for _, k := range w.Keys {
		to := "-"
		if !k.To.IsZero() {
			to = k.To.Format(secondForm)
		}
		fmt.Fprintf(&b, "writer %s %s %s %s\n", k.Writer, k.VKey, k.From.Format(secondForm), to)
	}
	for _, writer := range slices.Sorted(maps.Keys(w.Retired)) {
		fmt.Fprintf(&b, "retired %s %s\n", writer, w.Retired[writer].Format(secondForm))
	}
	data, err := note.Sign(&note.Note{Text: b.String()}, root)
	if err != nil {
		return nil, fmt.Errorf("signing the writers of %s: %w", w.Origin, err)
	}
	return data, nil
}

// MaxWritersFile is the size of the largest writers file in bytes.
const MaxWritersFile = 16 << 20

// ParseWriters reads a file that the root key has signed. What it has not signed it does
// not read.
func ParseWriters(data []byte, root note.Verifier) (*Writers, error) {
	if err := signedByRoot(data, root); err != nil {
		return nil, fmt.Errorf("no writers file: %w", err)
	}
	return ParseWritersUnverified(data)
}

func signedByRoot(data []byte, root note.Verifier) error {
	if len(data) > MaxWritersFile {
		return fmt.Errorf("it has %d bytes: %d are the most", len(data), MaxWritersFile)
	}
	_, name, _, err := splitNote(data)
	if err != nil {
		return err
	}
	if root.Name() != name {
		return fmt.Errorf("%q has signed it, and the key is %q: it is not the root key of this archive", name, root.Name())
	}
	if _, err := note.Open(data, note.VerifierList(root)); err != nil {
		return explain(err)
	}
	return nil
}

// ParseWritersUnverified reads a file without looking at its signature.
func ParseWritersUnverified(data []byte) (*Writers, error) {
	w, err := parseWriters(data)
	if err != nil {
		return nil, fmt.Errorf("no writers file: %w", err)
	}
	return w, nil
}

func parseWriters(data []byte) (*Writers, error) {
	text, name, _, err := splitNote(data)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != writersForm {
		return nil, fmt.Errorf("it begins with %q, not with %q", lines[0], writersForm)
	}
	if len(lines) < 4 {
		return nil, errors.New("origin, number and the file before are not all there")
	}
	w := &Writers{Origin: lines[1], Retired: map[string]time.Time{}}
	if err := CheckOrigin(w.Origin); err != nil {
		return nil, fmt.Errorf("line 2: %w", err)
	}
	if name != RootName(w.Origin) {
		return nil, fmt.Errorf("%q has signed it, not %q", name, RootName(w.Origin))
	}
	if w.Number, err = parseDecimal(lines[2]); err != nil {
		return nil, fmt.Errorf("line 3: %w", err)
	}
	switch {
	case w.Number > 0:
		if w.Previous, err = parseDigest(lines[3]); err != nil {
			return nil, fmt.Errorf("line 4: %w", err)
		}
	case lines[3] != "-":
		return nil, fmt.Errorf("line 4: %q, but number 0 has none before", lines[3])
	}
	for i, line := range lines[4:] {
		if err := w.parseLine(line); err != nil {
			return nil, fmt.Errorf("line %s: %w", strconv.Itoa(i+5), err)
		}
	}
	if err := w.Validate(); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *Writers) parseLine(line string) (err error) {
	fields := strings.Split(line, " ")
	switch {
	case fields[0] == "writer" && len(fields) == 5:
		k := WriterKey{Writer: fields[1], VKey: fields[2]}
		if k.From, err = parseSecond(fields[3]); err != nil {
			return err
		}
		if fields[4] != "-" {
			if k.To, err = parseSecond(fields[4]); err != nil {
				return err
			}
		}
		w.Keys = append(w.Keys, k)
		return nil
	case fields[0] == "retired" && len(fields) == 3:
		if _, twice := w.Retired[fields[1]]; twice {
			return fmt.Errorf("%q is retired twice", fields[1])
		}
		w.Retired[fields[1]], err = parseSecond(fields[2])
		return err
	}
	return fmt.Errorf("neither writer <name> <key> <from> <to> nor retired <name> <time>: %q", line)
}

func parseSecond(text string) (time.Time, error) {
	t, err := time.Parse(secondForm, text)
	if err != nil || t.Format(secondForm) != text || t.IsZero() {
		return time.Time{}, fmt.Errorf("no time of the form 2006-01-02T15:04:05Z: %q", text)
	}
	return t, nil
}

// Validate says what in the file does not fit together.
func (w *Writers) Validate() error {
	if err := w.validate(); err != nil {
		return fmt.Errorf("writers file %d: %w", w.Number, err)
	}
	return nil
}

func (w *Writers) validate() error {
	if err := CheckOrigin(w.Origin); err != nil {
		return err
	}
	if w.Number < 0 {
		return errors.New("its number is negative")
	}
	if (w.Number == 0) != (w.Previous == Digest{}) {
		return errors.New("number 0 has none before, every other has one")
	}
	seen := map[string]string{}
	for _, k := range w.Keys {
		if err := w.validateKey(k); err != nil {
			return fmt.Errorf("writer %s: %w", k.Writer, err)
		}
		if other, twice := seen[k.VKey]; twice {
			return fmt.Errorf("writer %s: the key of %s is there twice", k.Writer, other)
		}
		seen[k.VKey] = k.Writer
	}
	byWriter := w.byWriter()
	for _, writer := range slices.Sorted(maps.Keys(byWriter)) {
		keys := byWriter[writer]
		for i := 1; i < len(keys); i++ {
			if before := keys[i-1]; before.To.IsZero() || before.To.After(keys[i].From) {
				return fmt.Errorf("writer %s: two keys overlap at %s: close the one before first", writer, keys[i].From.Format(secondForm))
			}
		}
	}
	for _, writer := range slices.Sorted(maps.Keys(w.Retired)) {
		at := w.Retired[writer]
		keys := byWriter[writer]
		if len(keys) == 0 {
			return fmt.Errorf("writer %s: it is retired and has no key", writer)
		}
		if err := checkSecond(at); err != nil {
			return fmt.Errorf("writer %s: retired: %w", writer, err)
		}
		if last := keys[len(keys)-1]; last.To.IsZero() || last.To.After(at) {
			return fmt.Errorf("writer %s: it is retired at %s, and its last key goes on: close it at that time", writer, at.Format(secondForm))
		}
	}
	return nil
}

func (w *Writers) validateKey(k WriterKey) error {
	if err := CheckWriter(k.Writer); err != nil {
		return err
	}
	v, err := NewVerifier(k.VKey)
	if err != nil {
		return err
	}
	if want := WriterOrigin(w.Origin, k.Writer); v.Name() != want || strings.ContainsAny(k.VKey, " \n\t\r") {
		return fmt.Errorf("its key's name is %q, not %q", v.Name(), want)
	}
	if err := checkSecond(k.From); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	if k.To.IsZero() {
		return nil
	}
	if err := checkSecond(k.To); err != nil {
		return fmt.Errorf("to: %w", err)
	}
	if !k.From.Before(k.To) {
		return fmt.Errorf("its key ends at %s, which is not after %s", k.To.Format(secondForm), k.From.Format(secondForm))
	}
	return nil
}

func checkSecond(t time.Time) error {
	if year := t.Year(); t.IsZero() || t.Nanosecond() != 0 || t.Location() != time.UTC || year < 1 || year > 9999 {
		return fmt.Errorf("%s is no whole second in UTC", t)
	}
	return nil
}

// Names are the writers, in order.
func (w *Writers) Names() []string {
	names := map[string]bool{}
	for _, k := range w.Keys {
		names[k.Writer] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// KeysFor are a writer's keys, by time.
func (w *Writers) KeysFor(writer string) []WriterKey {
	var keys []WriterKey
	for _, k := range w.Keys {
		if k.Writer == writer {
			keys = append(keys, k)
		}
	}
	return byTime(keys)
}

// byWriter are the keys of each writer, by time.
func (w *Writers) byWriter() map[string][]WriterKey {
	all := map[string][]WriterKey{}
	for _, k := range w.Keys {
		all[k.Writer] = append(all[k.Writer], k)
	}
	for _, keys := range all {
		byTime(keys)
	}
	return all
}

func byTime(keys []WriterKey) []WriterKey {
	slices.SortStableFunc(keys, func(a, b WriterKey) int { return a.From.Compare(b.From) })
	return keys
}

// KeyAt is the key that signs for a writer at a time.
func (w *Writers) KeyAt(writer string, at time.Time) (WriterKey, bool) {
	for _, k := range w.Keys {
		if k.Writer == writer && !at.Before(k.From) && (k.To.IsZero() || at.Before(k.To)) {
			return k, true
		}
	}
	return WriterKey{}, false
}

// Verifiers are all keys of a writer, whatever the time.
func (w *Writers) Verifiers(writer string) (note.Verifiers, error) {
	var all []note.Verifier
	for _, k := range w.KeysFor(writer) {
		v, err := NewVerifier(k.VKey)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no key for the writer %q", w.Origin, writer)
	}
	return note.VerifierList(all...), nil
}

// KeyHash is the hash that signatures of this key carry.
func (k WriterKey) KeyHash() (uint32, error) {
	v, err := NewVerifier(k.VKey)
	if err != nil {
		return 0, err
	}
	return v.KeyHash(), nil
}

// CheckFollows says what does not fit between a file and the one before, of which sum is
// the SHA-256.
func (w *Writers) CheckFollows(before *Writers, sum Digest) error {
	if err := w.checkFollows(before, sum); err != nil {
		return fmt.Errorf("writers file %d does not follow %d: %w", w.Number, before.Number, err)
	}
	return nil
}

func (w *Writers) checkFollows(before *Writers, sum Digest) error {
	switch {
	case w.Origin != before.Origin:
		return fmt.Errorf("it is of %s, the one before of %s", w.Origin, before.Origin)
	case w.Number != before.Number+1:
		return errors.New("numbers go up by 1")
	case w.Previous != sum:
		return errors.New("it names another file as the one before")
	}
	keys := make(map[string]WriterKey, len(w.Keys))
	for _, k := range w.Keys {
		keys[k.VKey] = k
	}
	for _, old := range before.Keys {
		k, ok := keys[old.VKey]
		if !ok {
			return fmt.Errorf("a key of %s is gone: keys are closed, not removed", old.Writer)
		}
		if !k.From.Equal(old.From) || !old.To.IsZero() && !k.To.Equal(old.To) {
			return fmt.Errorf("a key of %s has another time: only an end that was open may be set", old.Writer)
		}
	}
	for writer, at := range before.Retired {
		if again, ok := w.Retired[writer]; !ok || !again.Equal(at) {
			return fmt.Errorf("%s was retired at %s, and is not", writer, at.Format(secondForm))
		}
	}
	return nil
}
