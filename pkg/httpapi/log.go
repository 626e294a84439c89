package httpapi

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"millrace/pkg/kinesis"
)

// mostAttrs is how many attributes the line of a request has at most.
const mostAttrs = 9

// log writes the request's one line. Nothing of the records' data or keys is in it.
func (h *handler) log(ctx context.Context, x *exchange) {
	if h.config.Quiet && x.code == "" && failed(x, 0) == 0 {
		return
	}
	level := slog.LevelInfo
	if x.status >= 500 {
		level = slog.LevelError
	}
	lines := h.config.Logger.Handler()
	if !lines.Enabled(ctx, level) {
		return
	}
	now := time.Now()
	attrs := append(make([]slog.Attr, 0, mostAttrs),
		slog.String("action", x.action),
		slog.Int("status", x.status),
		slog.Float64("duration_ms", float64(now.Sub(x.start).Microseconds())/1000),
	)
	if x.code != "" {
		attrs = append(attrs, slog.String("error", x.code))
	}
	if x.key != "" {
		attrs = append(attrs, slog.String("key", x.key))
	}
	if stream := streamOf(x.in); stream != "" {
		attrs = append(attrs, slog.String("stream", loggable(stream)))
	}
	switch in := x.in.(type) {
	case *kinesis.PutRecordsInput:
		bytes := 0
		for i := range in.Records {
			bytes += len(in.Records[i].Data)
		}
		attrs = append(attrs, slog.Int("records", len(in.Records)), slog.Int("failed", failed(x, len(in.Records))), slog.Int("bytes", bytes))
	case *kinesis.PutRecordInput:
		attrs = append(attrs, slog.Int("records", 1), slog.Int("failed", failed(x, 1)), slog.Int("bytes", len(in.Data)))
	}
	// Without the place in the code, which is always this one and takes a walk of the stack.
	line := slog.NewRecord(now, level, "request", 0)
	line.AddAttrs(attrs...)
	lines.Handle(ctx, line) // as the logger itself: nobody could be told of a failure
}

// failed returns how many of the request's records were not stored.
func failed(x *exchange, records int) int {
	if x.code != "" {
		return records
	}
	if out, ok := x.out.(*kinesis.PutRecordsOutput); ok {
		return out.FailedRecordCount
	}
	return 0
}

// loggable cuts a name that may not have been checked.
func loggable(name string) string {
	if len(name) > kinesis.MaxStreamName {
		name = name[:kinesis.MaxStreamName] + "..."
	}
	return strings.ToValidUTF8(name, "?")
}
