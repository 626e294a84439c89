package sigv4

import (
	"fmt"
	"strings"
)

// Refusal is the error of a request that is not let in. Its message is for the client: it says what to change and holds
// neither secrets nor signatures.
type Refusal struct {
	Cause   Cause
	Message string
}

// Cause is the kind of a refusal. AWS has a code for each.
type Cause int

// The causes, in the order in which a request is checked for them.
const (
	Unsigned   Cause = iota + 1 // there is no signature
	Incomplete                  // the signature lacks parts, or cannot be read
	UnknownKey                  // no such key, or a session token, which no key has
	Invalid                     // anything else: not what the key's owner signed, not here, or not now
)

func (r *Refusal) Error() string { return "sigv4: " + r.Message }

// The texts of AWS.
const (
	unsignedMessage   = "Missing Authentication Token"
	unknownKeyMessage = "The security token included in the request is invalid."
	mismatchMessage   = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)

func refuse(cause Cause, format string, args ...any) error {
	return &Refusal{Cause: cause, Message: fmt.Sprintf(format, args...)}
}

// NotSigned returns the *Refusal of a request that has no signature.
func NotSigned() error { return refuse(Unsigned, unsignedMessage) }

func mismatch() error { return &Refusal{Cause: Invalid, Message: mismatchMessage} }

// cut shortens a text that the client sent, for a message.
func cut(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
