package apigw

import (
	"context"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Caller is who signed a request that API Gateway's IAM authorizer has let in.
type Caller struct {
	AccessKeyID string
	ARN         string // of the user or role
}

type callerKey struct{}

// CallerOf returns who signed the request served in ctx, and whether API Gateway knows: it does where the route has the
// IAM authorizer (or the function URL has the auth type AWS_IAM), and a client cannot make it believe so otherwise.
func CallerOf(ctx context.Context) (caller Caller, known bool) {
	caller, _ = ctx.Value(callerKey{}).(Caller)
	return caller, caller.AccessKeyID != "" && caller.ARN != ""
}

func (ev *event) caller() Caller {
	if ev.format() == formatV2 {
		iam := ev.RequestContext.Authorizer.IAM
		return Caller{iam.AccessKey, iam.UserARN}
	}
	identity := ev.RequestContext.Identity
	return Caller{identity.AccessKey, identity.UserARN}
}

// authorizer is what the IAM authorizer of an HTTP API tells.
type authorizer struct {
	IAM struct {
		AccessKey string `json:"accessKey"`
		UserARN   string `json:"userArn"`
	} `json:"iam"`
}

// UnmarshalJSONFrom reads an authorizer. Other kinds of authorizers tell what they like: it is passed over.
func (a *authorizer) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	type plain authorizer
	var read plain
	if json.Unmarshal(value, &read, jsontext.AllowDuplicateNames(true)) == nil {
		*a = authorizer(read)
	}
	return nil
}
