package keys

import (
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

const (
	// maxID is the length that AWS allows an access key id (IAM API reference, "AccessKey").
	maxID = 128
	// minSecret keeps guessable secrets out: 16 characters, where [New] takes 40.
	minSecret   = 16
	maxSecret   = 128
	maxName     = 128
	maxPatterns = 100
	maxPattern  = 128 // as a stream's name
)

// check tells what is wrong with a key, without telling the secret.
func (k Key) check() error {
	if !isMadeOf(k.ID, 1, maxID, isWord) {
		return fmt.Errorf("id %q is not 1 to %d letters, digits and underscores", k.ID, maxID)
	}
	if len(k.Name) > maxName || !utf8.ValidString(k.Name) || containsControl(k.Name) {
		return fmt.Errorf("name is longer than %d bytes, or has characters that cannot be printed", maxName)
	}
	if !isMadeOf(k.Secret.Reveal(), minSecret, maxSecret, func(c byte) bool { return '!' <= c && c <= '~' }) {
		return fmt.Errorf("secret is not %d to %d printable ASCII characters without spaces", minSecret, maxSecret)
	}
	return errors.Join(checkPatterns("actions", k.Actions, checkAction), checkPatterns("streams", k.Streams, checkStream))
}

func containsControl(s string) bool {
	return slices.ContainsFunc([]rune(s), func(r rune) bool { return !unicode.IsPrint(r) })
}

func checkPatterns(member string, patterns []string, check func(string) error) error {
	if len(patterns) == 0 {
		return fmt.Errorf("%s is empty; `*` allows all of them", member)
	}
	if len(patterns) > maxPatterns {
		return fmt.Errorf("%s has %d patterns, more than %d", member, len(patterns), maxPatterns)
	}
	for _, p := range patterns {
		if err := check(p); err != nil {
			return fmt.Errorf("%s: %w", member, err)
		}
	}
	return nil
}

// checkAction refuses what can match no action, which is a slip of the pen.
func checkAction(p string) error {
	known := func(action string) bool { return matches(p, action) }
	if !isMadeOf(p, 1, maxPattern, func(c byte) bool { return isLetter(c) || c == '*' }) || !slices.ContainsFunc(kinesisActions(), known) {
		return fmt.Errorf("%.140q matches no action of Kinesis", p)
	}
	return nil
}

func checkStream(p string) error {
	if !isMadeOf(p, 1, maxPattern, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' || c == '*' }) {
		return fmt.Errorf("%.140q is not a stream's name or a pattern of names such as `orders*`", p)
	}
	return nil
}

// isMadeOf tells whether s has from least to most bytes, all of a kind. (Regular expressions that count so far took a fifth
// of the function's start.)
func isMadeOf(s string, least, most int, kind func(byte) bool) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if !kind(s[i]) {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }
