package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"millrace/pkg/apigw"
	"millrace/pkg/dynamokeys"
	"millrace/pkg/httpapi"
	"millrace/pkg/keys"
	"millrace/pkg/sigv4"
)

// newAccess returns who is let in, as AUTH_MODE has it. There is no mode that lets in everybody.
func newAccess(client dynamokeys.API, region string, logger *slog.Logger) (httpapi.Access, error) {
	switch mode := os.Getenv("AUTH_MODE"); mode {
	case "SIGV4":
		table := os.Getenv("KEYS_TABLE")
		if table == "" {
			return nil, errors.New("KEYS_TABLE is not set: it names the DynamoDB table of the access keys")
		}
		ring := keys.NewRing(keys.RingConfig{Source: dynamokeys.New(client, table), Logger: logger})
		return keyHolders{sigv4.New(sigv4.Config{Secrets: ring, Region: region}), ring}, nil
	case "IAM":
		return gatewayCallers{}, nil
	default:
		return nil, fmt.Errorf("AUTH_MODE is %q: it must be SIGV4, where this function verifies signatures by its own keys, or IAM, where API Gateway does", mode)
	}
}

// keyHolders are those who sign with a key of the endpoint's own.
type keyHolders struct {
	*sigv4.Verifier
	*keys.Ring
}

// gatewayCallers are those whom API Gateway's IAM authorizer has let in. IAM decides what they may do: everything, or
// nothing. An event that does not tell its caller came through a route that lost its authorizer.
type gatewayCallers struct{}

func (gatewayCallers) Verify(r *http.Request, _ []byte) (accessKeyID string, err error) {
	caller, known := apigw.CallerOf(r.Context())
	if !known {
		return "", sigv4.NotSigned()
	}
	return caller.AccessKeyID, nil
}

func (gatewayCallers) AllowsAction(context.Context, string, string) (bool, error) { return true, nil }

func (gatewayCallers) Allows(context.Context, string, string, string) (bool, error) {
	return true, nil
}

func (gatewayCallers) Ready() bool { return true }
