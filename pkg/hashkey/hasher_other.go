//go:build !amd64

package hashkey

// Hasher hashes many partition keys, here one by one.
type Hasher struct{ keys []Key }

// NewHasher returns a Hasher that sets the given keys.
func NewHasher(keys []Key) Hasher { return Hasher{keys: keys} }

// Set has keys[i] be [Of] of the partition key once [Hasher.Flush] has returned.
func (h *Hasher) Set(i int, partitionKey string) { h.keys[i] = Of(partitionKey) }

// Flush sets those of the keys that are not set yet.
func (h *Hasher) Flush() {}
