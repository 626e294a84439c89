package kinesis

import (
	"strings"
	"unicode"
)

// Tag is a label of a stream.
type Tag struct {
	presence
	Key   string
	Value string // may be empty
}

func (t *Tag) members(v visitor) {
	v.text("Key", &t.Key, required, nil)
	v.text("Value", &t.Value, required, nil)
}

// tagCharacters returns the check of the characters of tags.
func tagCharacters(tags map[string]string) func(*violations) {
	return func(vs *violations) {
		for key, value := range tags {
			checkTag(vs, key)
			checkTag(vs, value)
		}
	}
}

// tagKeyCharacters returns the check of the characters of tag keys.
func tagKeyCharacters(keys []string) func(*violations) {
	return func(vs *violations) {
		for _, key := range keys {
			checkTag(vs, key)
		}
	}
}

// checkTag holds a tag's key or value to the characters allowed in it. The colon is among them since TagResource, whose
// reference names it; AWS's text does not.
func checkTag(vs *violations, text string) {
	if strings.ContainsFunc(text, notInTags) {
		vs.alone("Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.")
	}
}

func notInTags(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.Z) && !strings.ContainsRune("_.:/=+-%@", r)
}
