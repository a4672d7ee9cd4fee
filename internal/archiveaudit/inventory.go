package archiveaudit

import (
	"crypto/sha256"
	"hash/maphash"
	"sync"
)

// inventory is what the logs name: keys with the version that is right. It takes some 50
// bytes for each, whatever its key's length. It may be shared between goroutines.
type inventory struct {
	seed maphash.Seed
	mu   sync.Mutex
	// mu guards the following.
	versions map[[16]byte]uint64
	// missing are the objects that were not where the log says, by their content.
	missing map[[sha256.Size]byte]string
}

func newInventory() *inventory {
	return &inventory{
		seed: maphash.MakeSeed(), versions: make(map[[16]byte]uint64), missing: make(map[[sha256.Size]byte]string),
	}
}

// anyVersion is the mark of a key whose versions were looked at elsewhere.
const anyVersion = ^uint64(0)

// keyed is a part of the key's SHA-256: a key comes from whoever writes to the bucket, and
// two that are taken for one must not be made.
func keyed(key string) (id [16]byte) {
	sum := sha256.Sum256([]byte(key))
	copy(id[:], sum[:])
	return id
}

func (i *inventory) version(id string) uint64 { return maphash.String(i.seed, id) >> 1 }

// add says that a version of a key is right, and no other.
func (i *inventory) add(key, version string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.versions[keyed(key)] = i.version(version)
}

// addUnlessKnown is add, where nothing better is known.
func (i *inventory) addUnlessKnown(key, version string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	id := keyed(key)
	if _, known := i.versions[id]; !known {
		i.versions[id] = i.version(version)
	}
}

// addAll says that all versions of a key were looked at.
func (i *inventory) addAll(key string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.versions[keyed(key)] = anyVersion
}

// has says whether a key is known, and whether its version is right.
func (i *inventory) has(key, version string) (known, right bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	v, known := i.versions[keyed(key)]
	return known, v == anyVersion || v == i.version(version)
}

func (i *inventory) addMissing(sum [sha256.Size]byte, key string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.missing[sum] = key
}

// from gives the key at which what is found elsewhere is missing.
func (i *inventory) from(sum [sha256.Size]byte) (key string, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	key, ok = i.missing[sum]
	return key, ok
}
