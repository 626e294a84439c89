package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/aws-http-auth/credentials"
	signer "github.com/aws/smithy-go/aws-http-auth/sigv4"
	options "github.com/aws/smithy-go/aws-http-auth/v4"

	"millrace/pkg/sigv4"
)

const (
	keyID  = "MRAAAABBBBCCCCDDDDEE"
	secret = "s3cr3t/with+signs=0123456789abcdefghijkl"
	region = "eu-central-1"
	body   = `{"StreamName":"orders"}`
)

// secrets are the secrets of keys by their ids.
type secrets map[string]string

func (s secrets) Secret(_ context.Context, id string) (string, bool, error) {
	found, ok := s[id]
	return found, ok, nil
}

func noon() time.Time { return time.Date(2026, 3, 16, 12, 0, 0, 987654321, time.UTC) }

func newVerifier() *sigv4.Verifier {
	return sigv4.New(sigv4.Config{Secrets: secrets{keyID: secret}, Region: region, Now: noon})
}

// newRequest returns a request as a client makes it, before it is signed.
func newRequest(t testing.TB, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.DescribeStream")
	r.Header.Set("User-Agent", "a client")
	return r
}

// signing is with what a request is signed.
type signing struct {
	secret, token, region, service string
	date                           time.Time
}

func properly() signing {
	return signing{secret: secret, region: region, service: "kinesis", date: noon()}
}

func hash(body string) string {
	h := sha256.Sum256([]byte(body))
	return hex.EncodeToString(h[:])
}

// sign signs a request as the AWS SDK for Go does.
func sign(t testing.TB, r *http.Request, body string, s signing) {
	t.Helper()
	credentials := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: s.secret, SessionToken: s.token}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hash(body), s.service, s.region, s.date); err != nil {
		t.Fatal(err)
	}
}

// receive returns the request as a server has it, once it went over HTTP/1.1.
func receive(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// received returns a request that is signed properly, as a server has it.
func received(t testing.TB) *http.Request {
	t.Helper()
	r := newRequest(t, "https://streams.example.com/")
	sign(t, r, body, properly())
	return receive(t, r)
}

func wantVerified(t testing.TB, r *http.Request, body string) {
	t.Helper()
	if id, err := newVerifier().Verify(r, []byte(body)); id != keyID || err != nil {
		t.Errorf("Verify = %q, %v\n%v", id, err, r.Header)
	}
}

func wantRefusal(t testing.TB, r *http.Request, body string, cause sigv4.Cause, message string) {
	t.Helper()
	signature := r.Header.Get("Authorization")
	signature = signature[strings.LastIndexByte(signature, '=')+1:]
	id, err := newVerifier().Verify(r, []byte(body))
	var refusal *sigv4.Refusal
	if id != "" || !errors.As(err, &refusal) {
		t.Errorf("Verify = %q, %v", id, err)
		return
	}
	if refusal.Cause != cause || refusal.Message != message {
		t.Errorf("refused for %d, %q\nwant %d, %q", refusal.Cause, refusal.Message, cause, message)
	}
	if strings.Contains(err.Error(), secret) || len(signature) > 8 && strings.Contains(err.Error(), signature) {
		t.Errorf("the refusal tells too much: %v", err)
	}
}

const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key " +
	"and signing method. Consult the service documentation for details."

// TestAccepted: what a request may bear besides what its client signed, and how a signature may be written.
func TestAccepted(t *testing.T) {
	for name, change := range map[string]func(r *http.Request){
		"as it is":                func(*http.Request) {},
		"through proxies":         func(r *http.Request) { r.Header.Set("X-Forwarded-For", "10.0.0.1"); r.Header.Set("Via", "1.1 proxy") },
		"through CloudFront":      func(r *http.Request) { r.Header.Set("X-Amz-Cf-Id", "xyz"); r.Header.Set("X-Amzn-Trace-Id", "Root=1") },
		"another agent":           func(r *http.Request) { r.Header.Set("User-Agent", "another") },
		"no content-length":       func(r *http.Request) { r.Header.Del("Content-Length"); r.ContentLength = -1 },
		"blanks around values":    func(r *http.Request) { r.Header["X-Amz-Date"][0] = " " + r.Header["X-Amz-Date"][0] + "\t" },
		"an empty query":          func(r *http.Request) { r.RequestURI += "?" },
		"a path cut by a gateway": func(r *http.Request) { r.URL.Path = "/orders" },
		"no blanks in between": func(r *http.Request) {
			r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ", ", ","))
		},
		"many blanks in between": func(r *http.Request) {
			r.Header.Set("Authorization", " "+strings.ReplaceAll(r.Header.Get("Authorization"), ", ", " \t,  ")+" ")
		},
		"parameters in another order": func(r *http.Request) {
			p := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ", ")
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 "+p[2]+", "+p[0]+", "+p[1])
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := received(t)
			change(r)
			wantVerified(t, r, body)
		})
	}
}

// TestAcceptedDates: five minutes both ways, to the second.
func TestAcceptedDates(t *testing.T) {
	for _, off := range []time.Duration{0, 5 * time.Minute, -5 * time.Minute} {
		r, s := newRequest(t, "https://streams.example.com/"), properly()
		s.date = s.date.Add(off)
		sign(t, r, body, s)
		wantVerified(t, receive(t, r), body)
	}
}

// TestSignedByOthers: what other clients sign than the SDK for Go. It is signed here by the signer that the verifier uses, as the
// SDKs' own are in the tests of the local server.
func TestSignedByOthers(t *testing.T) {
	for name, test := range map[string]struct {
		headers []string
		prepare func(*http.Request)
	}{
		"user-agent":        {[]string{"host", "user-agent", "x-amz-date", "x-amz-target"}, func(*http.Request) {}},
		"HTTP/2":            {[]string{":authority", "x-amz-date", "x-amz-target"}, func(r *http.Request) { r.Header[":authority"] = []string{"streams.example.com"} }},
		"both of the hosts": {[]string{":authority", "host", "x-amz-date", "x-amz-target"}, func(r *http.Request) { r.Header[":authority"] = []string{"streams.example.com"} }},
		"Date":              {[]string{"date", "host", "x-amz-target"}, func(r *http.Request) { r.Header.Set("Date", noon().Format(http.TimeFormat)) }},
		"Date besides":      {[]string{"date", "host", "x-amz-date", "x-amz-target"}, func(r *http.Request) { r.Header.Set("Date", "whatever") }},
		"length":            {[]string{"content-length", "host", "x-amz-date", "x-amz-target"}, func(r *http.Request) { r.Header.Set("Content-Length", fmt.Sprint(len(body))) }},
	} {
		signed := func(t *testing.T) *http.Request {
			t.Helper()
			r := newRequest(t, "https://streams.example.com/")
			test.prepare(r)
			h := sha256.Sum256([]byte(body))
			err := signer.New().SignRequest(&signer.SignRequestInput{
				Request: r, PayloadHash: h[:], Credentials: credentials.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
				Service: "kinesis", Region: region, Time: noon(),
			}, func(o *options.SignerOptions) { o.HeaderRules = only(test.headers) })
			if err != nil {
				t.Fatal(err)
			}
			delete(r.Header, ":authority")
			if !slices.Contains(test.headers, "x-amz-date") {
				r.Header.Del("X-Amz-Date")
			}
			return receive(t, r)
		}
		t.Run(name, func(t *testing.T) {
			wantVerified(t, signed(t), body)
			for _, change := range test.headers {
				r, body := signed(t), body
				switch change {
				case ":authority", "host":
					r.Host += "x"
				case "content-length":
					body += " "
				case "date":
					r.Header.Set("Date", noon().Add(time.Second).Format(http.TimeFormat))
				case "x-amz-date":
					r.Header.Set("X-Amz-Date", "20260316T120001Z")
				default:
					r.Header.Set(change, "another")
				}
				wantRefusal(t, r, body, sigv4.Invalid, mismatch)
			}
		})
	}
}

type only []string

func (o only) IsSigned(name string) bool { return slices.Contains(o, name) }

// TestRefusedSignatures holds each way in which a signature is not for this endpoint, or not for now, to its answer.
func TestRefusedSignatures(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*signing)
		cause   sigv4.Cause
		message string
	}{
		"another secret": {func(s *signing) { s.secret = "guess" }, sigv4.Invalid, mismatch},
		"session token": {func(s *signing) { s.token = "token" }, sigv4.UnknownKey,
			"This endpoint takes no session tokens: sign with a key of its own, without X-Amz-Security-Token."},
		"replayed after the window": {func(s *signing) { s.date = s.date.Add(-5*time.Minute - time.Second) }, sigv4.Invalid,
			"Signature expired: 20260316T115459Z is now earlier than 20260316T115500Z (20260316T120000Z - 5 min.)"},
		"from the future": {func(s *signing) { s.date = s.date.Add(5*time.Minute + time.Second) }, sigv4.Invalid,
			"Signature not yet current: 20260316T120501Z is still later than 20260316T120500Z (20260316T120000Z + 5 min.)"},
		"another region": {func(s *signing) { s.region = "us-east-1" }, sigv4.Invalid,
			"Credential should be scoped to a valid region, not 'us-east-1'. This endpoint is in 'eu-central-1'."},
		"another service": {func(s *signing) { s.service = "execute-api" }, sigv4.Invalid, "Credential should be scoped to correct service: 'kinesis'."},
		"another region and service": {func(s *signing) { s.region, s.service = "us-east-1", "dynamodb" }, sigv4.Invalid,
			"Credential should be scoped to a valid region, not 'us-east-1'. This endpoint is in 'eu-central-1'. " +
				"Credential should be scoped to correct service: 'kinesis'."},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newRequest(t, "https://streams.example.com/"), properly()
			test.change(&s)
			sign(t, r, body, s)
			wantRefusal(t, receive(t, r), body, test.cause, test.message)
		})
	}
}

// TestRefusedHeader: an Authorization header that lacks parts, or is none.
func TestRefusedHeader(t *testing.T) {
	const (
		credential = "Credential=" + keyID + "/20260316/eu-central-1/kinesis/aws4_request"
		headers    = "SignedHeaders=host;x-amz-date"
		signature  = "Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		order      = "SignedHeaders must be names of headers in lower case and alphabetical order, each once, with semicolons between them."
	)
	all := func(parameters ...string) string { return "AWS4-HMAC-SHA256 " + strings.Join(parameters, ", ") }
	for name, test := range map[string]struct {
		value   string
		cause   sigv4.Cause
		message string
	}{
		"empty":      {"", sigv4.Unsigned, "Missing Authentication Token"},
		"blank":      {" ", sigv4.Unsigned, "Missing Authentication Token"},
		"bearer":     {"Bearer abc", sigv4.Unsigned, "Missing Authentication Token"},
		"version 2":  {"AWS AKID:abc", sigv4.Unsigned, "Missing Authentication Token"},
		"version 4a": {"AWS4-ECDSA-P256-SHA256 " + credential, sigv4.Incomplete, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'. It must be AWS4-HMAC-SHA256."},
		"lower case": {strings.ToLower(all(credential, headers, signature)), sigv4.Unsigned, "Missing Authentication Token"},
		"nothing else": {"AWS4-HMAC-SHA256", sigv4.Incomplete, "Authorization header requires 'Credential' parameter. " +
			"Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter."},
		"no credential": {all(headers, signature), sigv4.Incomplete, "Authorization header requires 'Credential' parameter."},
		"no headers":    {all(credential, signature), sigv4.Incomplete, "Authorization header requires 'SignedHeaders' parameter."},
		"empty headers": {all(credential, "SignedHeaders=", signature), sigv4.Incomplete, "Authorization header requires 'SignedHeaders' parameter."},
		"no signature":  {all(credential, headers), sigv4.Incomplete, "Authorization header requires 'Signature' parameter."},
		"no equal-sign": {all(credential, headers, "Signature"), sigv4.Incomplete, "Authorization header has a parameter without an equal-sign."},
		"case of a parameter": {all(strings.Replace(credential, "C", "c", 1), headers, signature), sigv4.Incomplete,
			"Authorization header has an unknown parameter 'credential'."},
		"unknown parameter, cut inside a character": {all(credential, headers, signature, "x"+strings.Repeat("é", 40)+"=1"), sigv4.Incomplete,
			"Authorization header has an unknown parameter 'x" + strings.Repeat("é", 31) + "?...'."},
		"unknown parameter": {all(credential, headers, signature, "Extra=1"), sigv4.Incomplete, "Authorization header has an unknown parameter 'Extra'."},
		"parameter twice":   {all(credential, headers, signature, signature), sigv4.Incomplete, "Authorization header has more than one 'Signature' parameter."},
		"two joined by a gateway": {all(credential, headers, signature) + "," + all(credential, headers, signature), sigv4.Incomplete,
			"Authorization header has an unknown parameter 'AWS4-HMAC-SHA256 Credential'."},
		"four elements": {all("Credential="+keyID+"/20260316/eu-central-1/kinesis", headers, signature), sigv4.Incomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'MRAAAABBBBCCCCDDDDEE/20260316/eu-central-1/kinesis'."},
		"six elements": {all(credential+"/x", headers, signature), sigv4.Incomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'MRAAAABBBBCCCCDDDDEE/20260316/eu-central-1/kinesis/aws4_request/...'."},
		"no key id": {all("Credential=/20260316/eu-central-1/kinesis/aws4_request", headers, signature), sigv4.Incomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '/20260316/eu-central-1/kinesis/aws4_request'."},
		"headers in another order": {all(credential, "SignedHeaders=x-amz-date;host", signature), sigv4.Incomplete, order},
		"headers in upper case":    {all(credential, "SignedHeaders=Host;x-amz-date", signature), sigv4.Incomplete, order},
		"a header twice":           {all(credential, "SignedHeaders=host;host;x-amz-date", signature), sigv4.Incomplete, order},
		"blanks between headers":   {all(credential, "SignedHeaders=host; x-amz-date", signature), sigv4.Incomplete, order},
		"no header's name":         {all(credential, "SignedHeaders=host;;x-amz-date", signature), sigv4.Incomplete, order},
		"lines between headers":    {all(credential, "SignedHeaders=host\nx;x-amz-date", signature), sigv4.Incomplete, order},
		"unknown key": {all(strings.Replace(credential, keyID, "AKIDEXAMPLE", 1), headers, signature), sigv4.UnknownKey,
			"The security token included in the request is invalid."},
		"case of the key id": {all(strings.Replace(credential, keyID, strings.ToLower(keyID), 1), headers, signature), sigv4.UnknownKey,
			"The security token included in the request is invalid."},
		"another day": {all(strings.Replace(credential, "20260316", "20260315", 1), headers, signature), sigv4.Invalid,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260315' != '20260316', from '20260316T120000Z'."},
		"another terminator": {all(strings.Replace(credential, "aws4_request", "aws5_request", 1), headers, signature), sigv4.Invalid,
			"Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'."},
		"host not signed": {all(credential, "SignedHeaders=x-amz-date;x-amz-target", signature), sigv4.Invalid,
			"'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		"date not signed": {all(credential, "SignedHeaders=host;x-amz-target", signature), sigv4.Invalid,
			"'x-amz-date' must be a 'SignedHeader' in the AWS Authorization."},
		"target not signed": {all(credential, headers, signature), sigv4.Invalid, "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."},
		"signed but not there": {all(credential, "SignedHeaders=host;te;x-amz-date;x-amz-target", signature), sigv4.Invalid,
			"The header 'te' is signed but not in the request."},
		"wrong signature":      {all(credential, headers+";x-amz-target", signature), sigv4.Invalid, mismatch},
		"longer signature":     {all(credential, headers+";x-amz-target", signature+"00"), sigv4.Invalid, mismatch},
		"short signature":      {all(credential, headers+";x-amz-target", "Signature=0"), sigv4.Invalid, mismatch},
		"signature with signs": {all(credential, headers+";x-amz-target", signature+"=="), sigv4.Invalid, mismatch},
	} {
		t.Run(name, func(t *testing.T) {
			r := received(t)
			r.Header.Set("Authorization", test.value)
			wantRefusal(t, r, body, test.cause, test.message)
		})
	}
}

// TestRefusedRequests: a good signature on a request that is not the one that was signed.
func TestRefusedRequests(t *testing.T) {
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	add := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Add(name, value) }
	}
	uri := func(uri string) func(*http.Request) { return func(r *http.Request) { r.RequestURI = uri } }
	for name, test := range map[string]struct {
		change  func(*http.Request)
		cause   sigv4.Cause
		message string
	}{
		"no signature": {func(r *http.Request) { r.Header.Del("Authorization") }, sigv4.Unsigned, "Missing Authentication Token"},
		"two signatures": {func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, sigv4.Incomplete,
			"There is more than one Authorization header."},
		"no date": {func(r *http.Request) { r.Header.Del("X-Amz-Date") }, sigv4.Incomplete,
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		"a Date in its place": {func(r *http.Request) {
			r.Header.Del("X-Amz-Date")
			r.Header.Set("Date", noon().Format(http.TimeFormat))
		}, sigv4.Invalid, "'date' must be a 'SignedHeader' in the AWS Authorization."},
		"a Date of no kind": {func(r *http.Request) {
			r.Header.Del("X-Amz-Date")
			r.Header.Set("Date", "noon")
		}, sigv4.Incomplete, "Date must be in ISO-8601 'basic format', such as 20060102T150405Z. Got 'noon'."},
		"neither date nor parts": {func(r *http.Request) {
			r.Header.Del("X-Amz-Date")
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host")
		}, sigv4.Incomplete, "Authorization header requires 'Signature' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		"date of another format": {set("X-Amz-Date", "2026-03-16T12:00:00Z"), sigv4.Incomplete,
			"Date must be in ISO-8601 'basic format', such as 20060102T150405Z. Got '2026-03-16T12:00:00Z'."},
		"date with a fraction": {set("X-Amz-Date", "20260316T120000.5Z"), sigv4.Incomplete,
			"Date must be in ISO-8601 'basic format', such as 20060102T150405Z. Got '20260316T120000.5Z'."},
		"dates joined by a gateway": {set("X-Amz-Date", "20260316T120000Z,20260316T120000Z"), sigv4.Incomplete,
			"Date must be in ISO-8601 'basic format', such as 20060102T150405Z. Got '20260316T120000Z,20260316T120000Z'."},
		"another date": {set("X-Amz-Date", "20260316T120001Z"), sigv4.Invalid, mismatch},
		"date gone, though another is left": {func(r *http.Request) {
			r.Header.Set("Date", noon().Format(http.TimeFormat))
			r.Header.Del("X-Amz-Date")
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "content-type;host", "content-type;date;host", 1))
		}, sigv4.Invalid, "The header 'x-amz-date' is signed but not in the request."},
		"date twice":              {add("X-Amz-Date", "20260316T120000Z"), sigv4.Invalid, "'x-amz-date' must be in the request once."},
		"another target":          {set("X-Amz-Target", "Kinesis_20131202.DeleteStream"), sigv4.Invalid, mismatch},
		"target twice":            {add("X-Amz-Target", "Kinesis_20131202.DeleteStream"), sigv4.Invalid, "'x-amz-target' must be in the request once."},
		"target in another case":  {set("X-Amz-Target", "kinesis_20131202.DescribeStream"), sigv4.Invalid, mismatch},
		"target gone":             {func(r *http.Request) { r.Header.Del("X-Amz-Target") }, sigv4.Invalid, "The header 'x-amz-target' is signed but not in the request."},
		"target of several lines": {set("X-Amz-Target", "Kinesis_20131202.DescribeStream\nx:y"), sigv4.Invalid, mismatch},
		"another content type":    {set("Content-Type", "application/x-amz-cbor-1.1"), sigv4.Invalid, mismatch},
		"content type twice":      {add("Content-Type", "application/x-amz-json-1.1"), sigv4.Invalid, "'content-type' must be in the request once."},
		"header added":            {set("X-Amz-Extra", "1"), sigv4.Invalid, "'x-amz-extra' must be a 'SignedHeader' in the AWS Authorization."},
		"header added in another case": {func(r *http.Request) { r.Header["x-AMZ-extra"] = []string{"1"} }, sigv4.Invalid,
			"'x-amz-extra' must be a 'SignedHeader' in the AWS Authorization."},
		"header with a blank added": {func(r *http.Request) { r.Header["X-Amz-Target "] = []string{"1"} }, sigv4.Invalid,
			"'x-amz-target ' must be a 'SignedHeader' in the AWS Authorization."},
		"session token added": {set("X-Amz-Security-Token", "token"), sigv4.UnknownKey,
			"This endpoint takes no session tokens: sign with a key of its own, without X-Amz-Security-Token."},
		"body not signed": {set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), sigv4.Invalid,
			"'x-amz-content-sha256' must be a 'SignedHeader' in the AWS Authorization."},
		"another host":      {func(r *http.Request) { r.Host = "streams.example.org" }, sigv4.Invalid, mismatch},
		"host with port":    {func(r *http.Request) { r.Host += ":443" }, sigv4.Invalid, mismatch},
		"host of lines":     {func(r *http.Request) { r.Host += "\nx:y" }, sigv4.Invalid, mismatch},
		"another method":    {func(r *http.Request) { r.Method = http.MethodPut }, sigv4.Invalid, mismatch},
		"another path":      {uri("/orders"), sigv4.Invalid, mismatch},
		"path with dots":    {uri("/x/../"), sigv4.Invalid, mismatch},
		"query added":       {uri("/?Action=DeleteStream"), sigv4.Invalid, mismatch},
		"query of a name":   {uri("/?x"), sigv4.Invalid, mismatch},
		"query unreadable":  {uri("/?a;b"), sigv4.Invalid, mismatch},
		"query not encoded": {uri("/?%zz"), sigv4.Invalid, mismatch},
		"signature in the query": {func(r *http.Request) {
			r.Header.Del("Authorization")
			r.RequestURI = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"
		}, sigv4.Incomplete, "This endpoint takes signatures in the Authorization header, not in the query string."},
		"signature in both": {uri("/?X-Amz-Algorithm=AWS4-HMAC-SHA256"), sigv4.Invalid,
			"Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."},
	} {
		t.Run(name, func(t *testing.T) {
			r := received(t)
			test.change(r)
			wantRefusal(t, r, body, test.cause, test.message)
		})
	}
}

// TestRefusedBodies: any body but the one that was signed.
func TestRefusedBodies(t *testing.T) {
	for _, other := range []string{"", "{}", body[:len(body)-1], body + " ", strings.Replace(body, "orders", "others", 1)} {
		wantRefusal(t, received(t), other, sigv4.Invalid, mismatch)
	}
	declared := func(hash string) *http.Request {
		r := newRequest(t, "https://streams.example.com/")
		r.Header.Set("X-Amz-Content-Sha256", hash)
		credentials := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hash, "kinesis", region, noon()); err != nil {
			t.Fatal(err)
		}
		return receive(t, r)
	}
	wantVerified(t, declared(hash(body)), body)
	for _, h := range []string{"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", hash("{}"), strings.ToUpper(hash(body))} {
		want := h
		if len(want) > 64 {
			want = want[:64] + "..."
		}
		wantRefusal(t, declared(h), body, sigv4.Invalid, "x-amz-content-sha256 must be the SHA-256 of the body, in lower-case hex, not '"+want+"'.")
	}
}

// TestEmptyBody: the hash of nothing is a hash too.
func TestEmptyBody(t *testing.T) {
	r := newRequest(t, "https://streams.example.com/")
	r.Body, r.ContentLength = http.NoBody, 0
	sign(t, r, "", properly())
	wantVerified(t, receive(t, r), "")
}

// TestSecretChanges: a signature counts under the secret that the key has now, though one for the same id was verified before.
func TestSecretChanges(t *testing.T) {
	known := secrets{keyID: secret}
	v := sigv4.New(sigv4.Config{Secrets: known, Region: region, Now: noon})
	if _, err := v.Verify(received(t), []byte(body)); err != nil {
		t.Fatal(err)
	}
	known[keyID] = "another"
	var refusal *sigv4.Refusal
	if _, err := v.Verify(received(t), []byte(body)); !errors.As(err, &refusal) || refusal.Message != mismatch {
		t.Errorf("under another secret: %v", err)
	}
	delete(known, keyID)
	if _, err := v.Verify(received(t), []byte(body)); !errors.As(err, &refusal) || refusal.Cause != sigv4.UnknownKey {
		t.Errorf("without a secret: %v", err)
	}
}

type failing struct{ error }

func (f failing) Secret(context.Context, string) (string, bool, error) { return secret, true, f.error }

// TestSecretsFail: where nobody can tell, nobody is let in, and the error is not the client's.
func TestSecretsFail(t *testing.T) {
	cause := errors.New("the store is away")
	v := sigv4.New(sigv4.Config{Secrets: failing{cause}, Region: region, Now: noon})
	id, err := v.Verify(received(t), []byte(body))
	var refusal *sigv4.Refusal
	if id != "" || !errors.Is(err, cause) || errors.As(err, &refusal) {
		t.Errorf("Verify = %q, %v", id, err)
	}
}

// TestClock: the default is the time of day.
func TestClock(t *testing.T) {
	r, s := newRequest(t, "https://streams.example.com/"), properly()
	s.date = time.Now()
	sign(t, r, body, s)
	v := sigv4.New(sigv4.Config{Secrets: secrets{keyID: secret}, Region: region})
	if id, err := v.Verify(receive(t, r), []byte(body)); id != keyID || err != nil {
		t.Errorf("Verify = %q, %v", id, err)
	}
}
