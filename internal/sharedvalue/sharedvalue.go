// Package sharedvalue has one value for all who ask for it by one key: what the instances of a
// component have in common, which the Collector makes once for each signal.
package sharedvalue

import "sync"

// Values are those that are in use. The zero value has none. It is safe for concurrent use.
type Values[K comparable, V any] struct {
	mu sync.Mutex
	// mu guards the following.
	byKey map[K]*use[V]
}

type use[V any] struct {
	value V
	users int
}

// Acquire gives the key's value, which open makes for the first who asks. It is asked under a
// lock, so that nobody gets a value that is half open; what fails is not kept.
func (v *Values[K, V]) Acquire(key K, open func() (V, error)) (V, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	u, ok := v.byKey[key]
	if !ok {
		value, err := open()
		if err != nil {
			return value, err
		}
		if v.byKey == nil {
			v.byKey = map[K]*use[V]{}
		}
		u = &use[V]{value: value}
		v.byKey[key] = u
	}
	u.users++
	return u.value, nil
}

// Release lets go of what Acquire gave; with the last one, end ends it, under the lock.
func (v *Values[K, V]) Release(key K, end func(V) error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	u, ok := v.byKey[key]
	if !ok {
		return nil
	}
	if u.users--; u.users > 0 {
		return nil
	}
	delete(v.byKey, key)
	return end(u.value)
}

// Users is how many have a key's value now.
func (v *Values[K, V]) Users(key K) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	if u, ok := v.byKey[key]; ok {
		return u.users
	}
	return 0
}

// Len is how many values are in use.
func (v *Values[K, V]) Len() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.byKey)
}
