package keys

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// stored is a key as it is written. Pointers tell what is absent from what is empty.
type stored struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitzero"`
	Secret  string    `json:"secret"`
	Actions []string  `json:"actions"`
	Streams []string  `json:"streams"`
	Enabled *bool     `json:"enabled"`
	Created time.Time `json:"created,omitzero"`
}

// Encode returns a key as it is stored, its secret in the open.
func Encode(k Key) []byte {
	text, err := json.Marshal(toStored(k))
	if err != nil {
		panic(err) // strings, a bool and a time of this era
	}
	return text
}

// Decode reads a key as [Encode] writes it. The error tells what is wrong in the terms of the text, and never the secret.
func Decode(text []byte) (Key, error) {
	var s stored
	if err := json.Unmarshal(text, &s, json.RejectUnknownMembers(true)); err != nil {
		return Key{}, explain(err)
	}
	return s.key()
}

func toStored(k Key) stored {
	return stored{k.ID, k.Name, k.Secret.Reveal(), k.Actions, k.Streams, &k.Enabled, k.Created}
}

func (s stored) key() (Key, error) {
	k := Key{ID: s.ID, Name: s.Name, Secret: NewSecret(s.Secret), Actions: s.Actions, Streams: s.Streams, Created: s.Created}
	err := k.check()
	if s.Enabled == nil {
		err = errors.Join(err, errors.New("enabled is missing"))
	} else {
		k.Enabled = *s.Enabled
	}
	if err != nil {
		return Key{}, err
	}
	return k, nil
}

// explain says what is wrong with a text that is not what it should be. The decoder's own error may quote the text.
func explain(err error) error {
	var syntax *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d, or a member given twice", syntax.ByteOffset)
	case errors.As(err, &semantic) && errors.Is(semantic.Err, json.ErrUnknownName):
		return fmt.Errorf("unknown member %q", semantic.JSONPointer.LastToken())
	case errors.As(err, &semantic) && semantic.JSONPointer == "":
		return errors.New("not a JSON object")
	case errors.As(err, &semantic):
		return fmt.Errorf("%s has a value of the wrong kind", semantic.JSONPointer)
	default:
		return errors.New("not JSON")
	}
}
