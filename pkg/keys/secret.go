package keys

import "log/slog"

// hidden is what is shown in place of a secret.
const hidden = "(hidden)"

// Secret is the secret of a key. However it is printed, logged or encoded, it shows nothing of itself; only [Secret.Reveal]
// gives the text.
type Secret struct {
	// A pointer, for package fmt prints fields that are not exported by their bare value.
	text *string
}

// NewSecret makes a secret of a text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

func (Secret) String() string { return hidden }

// GoString implements [fmt.GoStringer].
func (Secret) GoString() string { return hidden }

// LogValue implements [slog.LogValuer].
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret from JSON and its like. Keys are stored by [Encode].
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
