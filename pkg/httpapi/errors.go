package httpapi

import (
	"context"
	"errors"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
	"millrace/pkg/sigv4"
)

// wireError returns what the client is told of an error. What is not meant for it is logged instead.
func (h *handler) wireError(ctx context.Context, err error, x *exchange) *kinesis.Error {
	var wire *kinesis.Error
	if errors.As(err, &wire) {
		return wire
	}
	var refusal *sigv4.Refusal
	if errors.As(err, &refusal) {
		return unsigned(refusal)
	}
	stream, account := streamOf(x.in), h.config.Service.Account()
	switch {
	case errors.Is(err, shardlog.ErrStreamNotFound):
		return kinesis.ResourceNotFound(stream, account)
	case errors.Is(err, shardlog.ErrStreamExists):
		return kinesis.ResourceInUse(stream, account)
	case errors.Is(err, shardlog.ErrThrottled):
		wire = kinesis.Throttling("Rate exceeded")
	case errors.Is(err, shardlog.ErrStreamChanged):
		wire = kinesis.LimitExceeded("The stream is being changed by other requests; try again")
	default:
		wire = kinesis.InternalFailure()
	}
	h.config.Logger.ErrorContext(ctx, "request failed", "action", x.action, "stream", stream, "answer", wire.Code, "cause", err.Error())
	return wire
}

// unsigned returns the code that AWS has for a refusal's cause.
func unsigned(r *sigv4.Refusal) *kinesis.Error {
	switch r.Cause {
	case sigv4.Unsigned:
		return kinesis.MissingAuthenticationToken(r.Message)
	case sigv4.Incomplete:
		return kinesis.IncompleteSignature(r.Message)
	case sigv4.UnknownKey:
		return kinesis.UnrecognizedClient(r.Message)
	default:
		return kinesis.InvalidSignature(r.Message)
	}
}

func streamOf(in kinesis.Input) string {
	if in == nil {
		return ""
	}
	return in.Stream()
}
