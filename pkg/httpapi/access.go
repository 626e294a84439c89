package httpapi

import (
	"context"
	"net/http"

	"millrace/pkg/kinesis"
	"millrace/pkg/streams"
)

// Access decides who is let in. The answers of its methods may change from one request to the next. An error of theirs
// is answered as InternalFailure, unless it is a *[sigv4.Refusal], and lets nobody in.
type Access interface {
	// Verify returns the id of the access key that signed the request, whose whole body is given. It does not keep the body.
	Verify(r *http.Request, body []byte) (accessKeyID string, err error)

	// AllowsAction tells whether the key may take the action at all, on whatever stream. It is asked before the body is looked at.
	AllowsAction(ctx context.Context, accessKeyID, action string) (bool, error)

	// Allows tells whether the key may take the action on the stream, whose name is whatever the client sent. It is "" for an
	// action on no stream: ListStreams and DescribeLimits.
	Allows(ctx context.Context, accessKeyID, action, stream string) (bool, error)

	// Ready tells whether the first reading of what the others answer by is over, however that ended. Until then they begin it,
	// or wait for it.
	Ready() bool
}

// admit finds out who signed a request, and refuses one whose signer may not take the action, whatever the body says.
func (h *handler) admit(ctx context.Context, r *http.Request, body []byte, x *exchange, op operation) error {
	access := h.config.Access
	if access == nil {
		return nil
	}
	key, err := access.Verify(r.WithContext(ctx), body)
	if err != nil {
		return err
	}
	x.key = key
	allowed, err := access.AllowsAction(ctx, key, x.action)
	if err == nil && allowed && op.ofAccount {
		allowed, err = access.Allows(ctx, key, x.action, "")
	}
	if err == nil && !allowed {
		err = kinesis.AccessDenied(key, x.action, "")
	}
	return err
}

// checkStream refuses a request whose signer may not take the action on the stream that it would be taken on. It looks at
// what was read of the body, which may be broken after that, because who has no right is not told what else is wrong.
//
// Unnamed is the refusal of an input that names no stream. Whatever else is wrong with that is to be told first.
func (h *handler) checkStream(ctx context.Context, x *exchange, op operation) (unnamed, err error) {
	access := h.config.Access
	if access == nil || op.ofAccount {
		return nil, nil
	}
	stream, err := streams.StreamOf(x.in)
	if err != nil {
		return err, nil
	}
	if stream == "" {
		return kinesis.AccessDenied(x.key, x.action, ""), nil
	}
	allowed, err := access.Allows(ctx, x.key, x.action, stream)
	if err == nil && !allowed {
		err = kinesis.AccessDenied(x.key, x.action, h.config.Service.StreamARN(loggable(stream)))
	}
	return nil, err
}
