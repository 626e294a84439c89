package apigw_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"millrace/pkg/apigw"
)

// TestCallerOf: who signed is known where API Gateway's IAM authorizer says so, and from nothing that a client sends.
func TestCallerOf(t *testing.T) {
	iam := `{"iam":{"accessKey":"ASIAX","userArn":"arn:aws:iam::111122223333:user/x","callerId":"AID","cognitoIdentity":null}}`
	v1 := func(identity string) string {
		return `{"httpMethod":"POST","path":"/","headers":{},"requestContext":{"identity":` + identity + `}}`
	}
	v2 := func(requestContext string) string {
		return `{"version":"2.0","rawPath":"/","headers":{},"requestContext":{"http":{"method":"POST"}` + requestContext + `}}`
	}
	for _, test := range []struct{ name, event, want string }{
		{"v2", v2(`,"authorizer":` + iam), "ASIAX arn:aws:iam::111122223333:user/x true"},
		{"v2, open route", v2(``), "  false"},
		{"v2, no authorizer", v2(`,"authorizer":null`), "  false"},
		{"v2, no identity", v2(`,"authorizer":{"iam":null}`), "  false"},
		{"v2, without ARN", v2(`,"authorizer":{"iam":{"accessKey":"ASIAX"}}`), "ASIAX  false"},
		{"v2, JWT", v2(`,"authorizer":{"jwt":{"claims":{"accessKey":"ASIAX","userArn":"arn"}}}`), "  false"},
		{"v2, another authorizer's iam", v2(`,"authorizer":{"iam":"ASIAX"}`), "  false"},
		{"v2, not an object", v2(`,"authorizer":["iam"]`), "  false"},
		{"v2, v1's place", v2(`,"identity":{"accessKey":"ASIAX","userArn":"arn"}`), "  false"},
		{"v1", v1(`{"accessKey":"ASIAX","userArn":"arn:aws:iam::111122223333:user/x","sourceIp":"203.0.113.24"}`),
			"ASIAX arn:aws:iam::111122223333:user/x true"},
		{"v1, open method", v1(`{"accessKey":null,"userArn":null,"sourceIp":"203.0.113.24"}`), "  false"},
		{"v1, without key", v1(`{"userArn":"arn"}`), " arn false"},
		{"v1, v2's place", `{"httpMethod":"POST","path":"/","requestContext":{"authorizer":` + iam + `}}`, "  false"},
		{"headers", `{"httpMethod":"POST","path":"/","headers":{"accessKey":"ASIAX","userArn":"arn"},"body":"{\"requestContext\":1}","requestContext":{}}`, "  false"},
	} {
		got := ""
		handler := apigw.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			caller, known := apigw.CallerOf(r.Context())
			got = fmt.Sprint(caller.AccessKeyID, " ", caller.ARN, " ", known)
		}))
		if _, err := handler.Invoke(t.Context(), []byte(test.event)); err != nil || got != test.want {
			t.Errorf("%s: %q, %v, want %q", test.name, got, err, test.want)
		}
	}
	if caller, known := apigw.CallerOf(context.Background()); known || caller != (apigw.Caller{}) {
		t.Errorf("without a request: %v", caller)
	}
}
