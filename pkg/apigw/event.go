package apigw

import (
	"bytes"
	"encoding/base64"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// format is a payload format: the version that an event comes in and its answer goes out in.
type format int

const (
	formatV1 format = iota + 1
	formatV2
)

// event holds what is read of a proxy event, of both formats.
type event struct {
	Version           string              `json:"version"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Body              literal             `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`

	// Format 1.0.
	HTTPMethod      string              `json:"httpMethod"`
	Path            string              `json:"path"`
	Query           map[string]string   `json:"queryStringParameters"`
	MultiValueQuery map[string][]string `json:"multiValueQueryStringParameters"`

	// Format 2.0.
	RawPath        string   `json:"rawPath"`
	RawQueryString string   `json:"rawQueryString"`
	Cookies        []string `json:"cookies"`

	RequestContext struct {
		RequestID  string `json:"requestId"`
		DomainName string `json:"domainName"`
		Path       string `json:"path"` // format 1.0: the path with the stage, as the client sent it
		Identity   struct {
			SourceIP  string `json:"sourceIp"`
			AccessKey string `json:"accessKey"`
			UserARN   string `json:"userArn"`
		} `json:"identity"`
		Authorizer authorizer `json:"authorizer"` // format 2.0
		HTTP       struct {
			Method   string `json:"method"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
	} `json:"requestContext"`

	body []byte // Body, decoded
}

// literal is where a JSON string lies in the payload, quotes included. Keeping the place rather than the text saves a
// copy of the body. It is empty for null and for an absent member.
type literal struct {
	start, end int64
}

func (l *literal) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	switch v.Kind() {
	case jsontext.KindNull:
		*l = literal{}
		return nil
	case jsontext.KindString:
		end := dec.InputOffset()
		*l = literal{start: end - int64(len(v)), end: end}
		return nil
	}
	return errors.New("not a string")
}

// decode reads a payload. Its error is an *EventError.
func decode(payload []byte) (*event, error) {
	ev := new(event)
	// API Gateway names each member once; looking for names given twice would only cost time.
	if err := json.Unmarshal(payload, ev, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, &EventError{Reason: "malformed", Err: err}
	}
	if ev.method() == "" {
		return nil, &EventError{Reason: "no HTTP method"}
	}
	var err error
	if ev.body, err = decodeBody(payload[ev.Body.start:ev.Body.end], ev.IsBase64Encoded); err != nil {
		return nil, err
	}
	return ev, nil
}

// decodeBody returns what a body's JSON literal stands for, in memory of its own.
func decodeBody(quoted []byte, isBase64 bool) ([]byte, error) {
	if len(quoted) <= len(`""`) {
		return nil, nil
	}
	text := quoted[1 : len(quoted)-1]
	// Base64 needs no JSON escapes, so as a rule it can be decoded where it lies.
	if !isBase64 || bytes.IndexByte(text, '\\') >= 0 {
		var err error
		if text, err = jsontext.AppendUnquote(make([]byte, 0, len(quoted)), quoted); err != nil {
			return nil, &EventError{Reason: "malformed body", Err: err}
		}
	}
	if !isBase64 {
		return text, nil
	}
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(decoded, text)
	if err != nil {
		return nil, &EventError{Reason: "the body is not base64", Err: err}
	}
	return decoded[:n], nil
}

func (ev *event) format() format {
	if ev.Version == "2.0" || ev.HTTPMethod == "" && ev.RequestContext.HTTP.Method != "" {
		return formatV2
	}
	return formatV1
}

// method returns the request's method. Only a proxy event has one.
func (ev *event) method() string {
	if ev.format() == formatV2 {
		return ev.RequestContext.HTTP.Method
	}
	return ev.HTTPMethod
}
