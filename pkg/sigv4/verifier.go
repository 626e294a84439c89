package sigv4

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Secrets knows the secrets of access keys.
type Secrets interface {
	// Secret returns the secret of the key with that id, and whether there is such a key that may be used now. The id is whatever a
	// client sent. An error says that nobody can tell.
	Secret(ctx context.Context, accessKeyID string) (secret string, found bool, err error)
}

// Config is what a verifier is made of.
type Config struct {
	Secrets Secrets
	Region  string           // that requests must be signed for
	Now     func() time.Time // the clock. Default time.Now
}

// Verifier verifies requests. It is safe for use by many goroutines.
type Verifier struct {
	config Config
}

// New returns a verifier.
func New(config Config) *Verifier {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Verifier{config: config}
}

const (
	// window is how far from now a request may be dated, as in AWS.
	window = 5 * time.Minute

	dateLayout = "20060102T150405Z"
)

// Verify returns the id of the access key that signed the request, whose whole body is given. It fails with a *[Refusal], or where
// the secrets do with their error wrapped.
func (v *Verifier) Verify(r *http.Request, body []byte) (accessKeyID string, err error) {
	c, err := read(r)
	if err != nil {
		return "", err
	}
	secret, found, err := v.config.Secrets.Secret(r.Context(), c.keyID)
	if err != nil {
		return "", fmt.Errorf("look up an access key: %w", err)
	}
	if !found {
		return "", refuse(UnknownKey, unknownKeyMessage)
	}
	c.length, c.bodyHash = len(body), sha256.Sum256(body)
	if err := v.check(r, c, secret); err != nil {
		return "", err
	}
	return c.keyID, nil
}

// claim is what a request says of who signed it.
type claim struct {
	authorization
	date       time.Time
	dateHeader string   // that it stands in: x-amz-date or date
	bodyHash   [32]byte // SHA-256
	length     int      // of the body
}

// read finds the parts of a request's signature. What there is to know of the body is left out.
func read(r *http.Request) (claim, error) {
	value, err := header(r)
	if err != nil {
		return claim{}, err
	}
	c := claim{dateHeader: "x-amz-date"}
	parse, date := parseDate, r.Header.Get("X-Amz-Date")
	if date == "" {
		c.dateHeader, parse, date = "date", http.ParseTime, r.Header.Get("Date")
	}
	if c.authorization, err = parseAuthorization(value, date != ""); err != nil {
		return claim{}, err
	}
	if c.date, err = parse(strings.Trim(date, blanks)); err != nil {
		return claim{}, refuse(Incomplete, "Date must be in ISO-8601 'basic format', such as 20060102T150405Z. Got '%s'.", cut(date))
	}
	c.date = c.date.UTC()
	if r.Header.Get("X-Amz-Security-Token") != "" {
		return claim{}, refuse(UnknownKey, "This endpoint takes no session tokens: sign with a key of its own, without X-Amz-Security-Token.")
	}
	return c, nil
}

// header returns the request's one Authorization header.
func header(r *http.Request) (string, error) {
	values := r.Header["Authorization"]
	switch presigned := isPresigned(r); {
	case len(values) == 0 && presigned:
		return "", refuse(Incomplete, "This endpoint takes signatures in the Authorization header, not in the query string.")
	case len(values) == 0:
		return "", NotSigned()
	case len(values) > 1:
		return "", refuse(Incomplete, "There is more than one Authorization header.")
	case presigned:
		return "", refuse(Invalid, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
	}
	return values[0], nil
}

// isPresigned tells whether the query string holds a part of a signature.
func isPresigned(r *http.Request) bool {
	for name := range target(r).Query() {
		if isAmz(name) {
			return true
		}
	}
	return false
}

func isAmz(name string) bool { return strings.HasPrefix(strings.ToLower(name), "x-amz-") }

// parseDate reads a date as x-amz-date has it.
func parseDate(value string) (time.Time, error) {
	date, err := time.Parse(dateLayout, value)
	if err == nil && date.Format(dateLayout) != value {
		return time.Time{}, errors.New("a date with fractions of a second, which parses too")
	}
	return date, err
}
