package apigw

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// recorder is the [http.ResponseWriter] that keeps an answer until it is whole, as API Gateway wants it.
type recorder struct {
	method string
	header http.Header // the handler's
	sent   http.Header // as it stood when the status was written
	status int         // 0 until written
	body   []byte
}

func newRecorder(method string) *recorder {
	return &recorder{method: method, header: make(http.Header)}
}

func (rec *recorder) Header() http.Header { return rec.header }

// WriteHeader takes the first final status; as in package net/http, later ones change nothing, and a code that does
// not have three digits panics. Informational ones are dropped: API Gateway cannot send them.
func (rec *recorder) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("apigw: invalid status code %d", status))
	}
	if rec.status != 0 || status < 200 {
		return
	}
	rec.status = status
	rec.sent = rec.header.Clone()
}

func (rec *recorder) Write(p []byte) (int, error) {
	keep, err := rec.beforeWrite()
	if err != nil {
		return 0, err
	}
	if keep {
		rec.body = append(rec.body, p...)
	}
	return len(p), nil
}

// WriteString saves [io.WriteString] a copy.
func (rec *recorder) WriteString(s string) (int, error) {
	keep, err := rec.beforeWrite()
	if err != nil {
		return 0, err
	}
	if keep {
		rec.body = append(rec.body, s...)
	}
	return len(s), nil
}

// beforeWrite tells whether the bytes written now are part of the answer.
func (rec *recorder) beforeWrite() (keep bool, err error) {
	if rec.status == 0 {
		rec.WriteHeader(http.StatusOK)
	}
	if rec.status == http.StatusNoContent || rec.status == http.StatusNotModified {
		return false, http.ErrBodyNotAllowed
	}
	return rec.method != http.MethodHead, nil
}

// answer returns what was recorded, in the given payload format.
func (rec *recorder) answer(f format) []byte {
	if rec.status == 0 {
		rec.WriteHeader(http.StatusOK)
	}
	h := rec.sent
	if _, set := h["Content-Type"]; !set && h.Get("Content-Encoding") == "" && len(rec.body) > 0 {
		h.Set("Content-Type", http.DetectContentType(rec.body))
	}
	// The base64 of the body, or the body with about one character in three escaped, and a usual header.
	out := make([]byte, 0, base64.StdEncoding.EncodedLen(len(rec.body))+1024)
	out = append(out, `{"statusCode":`...)
	out = strconv.AppendInt(out, int64(rec.status), 10)
	if f == formatV2 {
		out = appendHeaderV2(out, h)
	} else {
		out = appendHeaderV1(out, h)
	}
	out = append(out, ',')
	out = appendBody(out, rec.body, textual(h))
	return append(out, '}')
}

// appendHeaderV1 appends the members headers and multiValueHeaders: each name stands in one of them.
func appendHeaderV1(out []byte, h http.Header) []byte {
	names := slices.Sorted(maps.Keys(h))
	out = append(out, `,"headers":{`...)
	first := true
	for _, name := range names {
		if len(h[name]) == 1 {
			out = appendName(out, name, &first)
			out = appendString(out, h[name][0])
		}
	}
	out = append(out, `},"multiValueHeaders":{`...)
	first = true
	for _, name := range names {
		if len(h[name]) > 1 {
			out = appendName(out, name, &first)
			out = appendStrings(out, h[name])
		}
	}
	return append(out, '}')
}

// appendHeaderV2 appends the members headers, where one string holds all values of a name, and cookies, where there are any.
func appendHeaderV2(out []byte, h http.Header) []byte {
	out = append(out, `,"headers":{`...)
	first := true
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if name != "Set-Cookie" && len(h[name]) > 0 {
			out = appendName(out, name, &first)
			out = appendString(out, strings.Join(h[name], ","))
		}
	}
	out = append(out, '}')
	if cookies := h["Set-Cookie"]; len(cookies) > 0 {
		out = append(out, `,"cookies":`...)
		out = appendStrings(out, cookies)
	}
	return out
}

// appendBody appends the members isBase64Encoded and body: as text if it is said to be, and is UTF-8.
func appendBody(out, body []byte, text bool) []byte {
	if text {
		mark := len(out)
		quoted, err := jsontext.AppendQuote(append(out, `"isBase64Encoded":false,"body":`...), body)
		if err == nil {
			return quoted
		}
		out = quoted[:mark]
	}
	out = append(out, `"isBase64Encoded":true,"body":"`...)
	out = base64.StdEncoding.AppendEncode(out, body)
	return append(out, '"')
}

func appendName(out []byte, name string, first *bool) []byte {
	if !*first {
		out = append(out, ',')
	}
	*first = false
	return append(appendString(out, name), ':')
}

func appendStrings(out []byte, all []string) []byte {
	for i, s := range all {
		if i == 0 {
			out = append(out, '[')
		} else {
			out = append(out, ',')
		}
		out = appendString(out, s)
	}
	return append(out, ']')
}

// appendString appends s as JSON. Bytes that are not UTF-8, which JSON cannot carry, become U+FFFD.
func appendString(out []byte, s string) []byte {
	out, _ = jsontext.AppendQuote(out, s)
	return out
}

// textual tells whether the header announces a body that is text.
func textual(h http.Header) bool {
	if coding := h.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return false
	}
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	media = strings.ToLower(strings.TrimSpace(media))
	switch media {
	case "application/json", "application/xml", "application/javascript", "application/x-www-form-urlencoded":
		return true
	}
	return strings.HasPrefix(media, "text/") || strings.HasPrefix(media, "application/x-amz-json-") ||
		strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml")
}
