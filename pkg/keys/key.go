package keys

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

const (
	idPrefix      = "MR"
	newIDLength   = 20 // as AWS's access key ids have
	newSecretSize = 40 // as AWS's secret access keys have
)

// Key is an access key and what its holder may do.
type Key struct {
	ID      string
	Name    string // for people
	Secret  Secret
	Actions []string // patterns of Kinesis's actions: `PutRecords`, `Put*`
	Streams []string // patterns of stream names: `orders`, `orders*`
	Enabled bool
	Created time.Time // zero where that is not known
}

// New returns an enabled key with an id and a secret that nobody else has, or an error that says which of its rights
// cannot be. The id has 90 random bits, the secret 200.
func New(name string, actions, streams []string, created time.Time) (Key, error) {
	k := Key{
		ID:      idPrefix + rand.Text()[:newIDLength-len(idPrefix)],
		Name:    name,
		Secret:  NewSecret((rand.Text() + rand.Text())[:newSecretSize]),
		Actions: actions,
		Streams: streams,
		Enabled: true,
		Created: created.UTC().Truncate(time.Second),
	}
	return k, k.check()
}

// AllowsAction tells whether the key may take the action at all, on whatever stream. A key that is not enabled may do
// nothing.
func (k Key) AllowsAction(action string) bool { return k.Enabled && matchesAny(k.Actions, action) }

// Allows tells whether the key may take the action on the stream; "" is an action on no stream.
func (k Key) Allows(action, stream string) bool {
	if !k.AllowsAction(action) {
		return false
	}
	if stream == "" {
		return slices.Contains(k.Streams, "*")
	}
	return matchesAny(k.Streams, stream)
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, name) })
}

// matches holds a name against a pattern, in which `*` stands for any text. (That of [path.Match] ends at a slash, which
// the name of a stream has none of, but what a client sends for one may have.)
func matches(pattern, name string) bool {
	pieces := strings.Split(pattern, "*")
	first, rest := pieces[0], pieces[1:]
	if len(rest) == 0 {
		return name == pattern
	}
	name, found := strings.CutPrefix(name, first)
	for _, piece := range rest[:len(rest)-1] {
		if found {
			_, name, found = strings.Cut(name, piece)
		}
	}
	return found && strings.HasSuffix(name, rest[len(rest)-1])
}

// String tells who the key is, without its secret.
func (k Key) String() string { return fmt.Sprintf("key %s (%s)", k.ID, k.Name) }

// GoString implements [fmt.GoStringer].
func (k Key) GoString() string { return k.String() }

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", k.ID), slog.String("name", k.Name), slog.Bool("enabled", k.Enabled))
}
