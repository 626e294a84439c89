package kinesis

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf16"
)

// strictBase64 refuses bits that are left over and not zero.
var strictBase64 = base64.StdEncoding.Strict()

// decodeBase64 decodes text into b, which has room for what text of its length can hold, and tells whether it is base64. The result has
// no capacity to spare.
func decodeBase64(b, text []byte) (decoded []byte, ok bool) {
	n, err := strictBase64.Decode(b, text)
	// The decoder passes over line breaks, which shows in what comes out.
	if err != nil || n != base64.StdEncoding.DecodedLen(len(text))-padding(text) {
		return nil, false
	}
	return b[:n:n], true
}

// padding returns how many marks at the end of base64 stand for no data.
func padding(text []byte) int {
	n := 0
	for n < len(text) && n < 2 && text[len(text)-1-n] == '=' {
		n++
	}
	return n
}

// base64Complaint returns what AWS says of text that is not base64.
func base64Complaint(text string) string {
	complaint := "Invalid last non-pad Base64 character dectected" // AWS's spelling
	if n := len(utf16.Encode([]rune(text))); n%4 != 0 {
		complaint = fmt.Sprintf("Base64 encoded length is expected a multiple of 4 bytes but found: %d", n)
	} else if c := invalidBase64(text); c != "" {
		complaint = fmt.Sprintf("Invalid Base64 character: '%s'", c)
	}
	return quoted(text) + noBlob + ": " + complaint
}

// invalidBase64 returns the first character that is outside the alphabet or is a padding that something else follows, or "".
func invalidBase64(text string) string {
	for i, c := range text {
		switch {
		case c == '=':
			if rest := text[i+1:]; rest != "" && rest[0] != '=' {
				return "="
			}
		case c > 0x7f || !isLetter(byte(c)) && !isDigit(byte(c)) && !strings.ContainsRune("+/", c):
			return string(c)
		}
	}
	return ""
}
