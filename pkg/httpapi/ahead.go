package httpapi

import (
	"context"
	"net/http"

	"millrace/pkg/kinesis"
)

// readAhead begins to read the map of the stream that a put names where [Access] is not ready, so that a cold process asks for
// its keys and for the map at once, and its first put takes no longer than where no keys are needed. Before the put, wait
// returns when the map is read, or cannot be, which the put then finds out for itself.
//
// It is done for somebody who may turn out to have no right to it. So it is done once in the life of the handler, for a
// request that bears a signature, which alone makes Access read its keys; of the body no more is read than the stream's
// name; a refusal does not wait for it, nor differ by what came of it; and with the request it is given up.
func (h *handler) readAhead(ctx context.Context, r *http.Request, body []byte, x *exchange, op operation) (wait func()) {
	access := h.config.Access
	if !op.puts || access == nil || h.hasReadAhead.Load() || access.Ready() || r.Header.Get("Authorization") == "" {
		return func() {}
	}
	// An input with the members by which puts name a stream, and no others, so that the records are passed over.
	named := new(kinesis.DescribeStreamSummaryInput)
	if x.codec.Decode(body, named) != nil || named.Validate() != nil || !h.hasReadAhead.CompareAndSwap(false, true) {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.config.Service.ReadAhead(ctx, named.Stream())
	}()
	return func() { <-done }
}
