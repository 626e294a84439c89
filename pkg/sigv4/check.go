package sigv4

import (
	"cmp"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/aws-http-auth/credentials"
	signer "github.com/aws/smithy-go/aws-http-auth/sigv4"
	"github.com/aws/smithy-go/aws-http-auth/v4"
)

// check holds a request to what a signature must be besides complete.
func (v *Verifier) check(r *http.Request, c claim, secret string) error {
	err := cmp.Or(
		v.checkDate(c.date),
		c.checkScope(c.date.Format(dateLayout), v.config.Region),
		c.checkHeaders(r),
		c.checkBody(r),
	)
	if err != nil {
		return err
	}
	expected, err := c.expected(r, secret)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(expected), []byte(c.signature)) != 1 {
		return mismatch()
	}
	return nil
}

// checkDate answers in the words by which SDKs know that a clock is wrong.
func (v *Verifier) checkDate(date time.Time) error {
	now := v.config.Now().UTC().Truncate(time.Second)
	at := func(t time.Time) string { return t.Format(dateLayout) }
	switch earliest, latest := now.Add(-window), now.Add(window); {
	case date.Before(earliest):
		return refuse(Invalid, "Signature expired: %s is now earlier than %s (%s - 5 min.)", at(date), at(earliest), at(now))
	case date.After(latest):
		return refuse(Invalid, "Signature not yet current: %s is still later than %s (%s + 5 min.)", at(date), at(latest), at(now))
	}
	return nil
}

// checkHeaders refuses a request that bears what could have been added or repeated on its way.
func (c claim) checkHeaders(r *http.Request) error {
	if !c.signs("host") && !c.signs(":authority") {
		return refuse(Invalid, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if !c.signs(c.dateHeader) {
		return refuse(Invalid, "'%s' must be a 'SignedHeader' in the AWS Authorization.", c.dateHeader)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		lower := strings.ToLower(name)
		if isAmz(lower) && lower != "x-amz-cf-id" && !c.signs(lower) {
			return refuse(Invalid, "'%s' must be a 'SignedHeader' in the AWS Authorization.", cut(lower))
		}
		if len(r.Header[name]) > 1 && (isAmz(lower) || lower == "content-type" || lower == c.dateHeader) {
			return refuse(Invalid, "'%s' must be in the request once.", cut(lower))
		}
	}
	return nil
}

func (c claim) checkBody(r *http.Request) error {
	values := r.Header["X-Amz-Content-Sha256"]
	if len(values) == 0 || values[0] == hex.EncodeToString(c.bodyHash[:]) {
		return nil
	}
	return refuse(Invalid, "x-amz-content-sha256 must be the SHA-256 of the body, in lower-case hex, not '%s'.", cut(values[0]))
}

// expected returns the signature that the request should have.
func (c claim) expected(r *http.Request, secret string) (string, error) {
	rebuilt, err := c.rebuild(r)
	if err != nil {
		return "", err
	}
	err = signer.New().SignRequest(&signer.SignRequestInput{
		Request:     rebuilt,
		PayloadHash: c.bodyHash[:],
		Credentials: credentials.Credentials{AccessKeyID: c.keyID, SecretAccessKey: secret},
		Service:     service,
		Region:      c.region,
		Time:        c.date,
	}, func(o *v4.SignerOptions) { o.HeaderRules = c })
	if err != nil {
		return "", fmt.Errorf("sign as the client should have: %w", err)
	}
	value := rebuilt.Header.Get("Authorization")
	return value[strings.LastIndexByte(value, '=')+1:], nil
}

// IsSigned tells the signer what to sign.
func (c claim) IsSigned(name string) bool { return c.signs(name) }

// rebuild returns the request with exactly those headers that are signed, but for host, which the signer sets.
func (c claim) rebuild(r *http.Request) (*http.Request, error) {
	rebuilt := &http.Request{Method: r.Method, URL: target(r), Host: r.Host, Header: make(http.Header, len(c.headers)+2)}
	if _, err := url.ParseQuery(rebuilt.URL.RawQuery); err != nil {
		return nil, mismatch() // the signer would leave out what cannot be read
	}
	for _, name := range c.headers {
		key := http.CanonicalHeaderKey(name)
		var values []string
		switch name {
		case "host":
			continue
		case ":authority": // what HTTP/2 has in place of host
			values = []string{r.Host}
		case "content-length":
			values = []string{strconv.Itoa(c.length)}
		default:
			values = r.Header[key]
		}
		if len(values) == 0 {
			return nil, refuse(Invalid, "The header '%s' is signed but not in the request.", cut(name))
		}
		for _, v := range values {
			rebuilt.Header[key] = append(rebuilt.Header[key], singleSpaced(v))
		}
	}
	return rebuilt, nil
}

// singleSpaced returns a value as the algorithm has it, with one space for each run of them. Blanks around it the signer cuts.
func singleSpaced(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

// target returns the path and query that the client sent: behind a gateway those of the URL may lack a part of the path.
func target(r *http.Request) *url.URL {
	u := r.URL
	if sent, err := url.ParseRequestURI(r.RequestURI); err == nil {
		u = sent
	}
	return &url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
}
