package httpapi

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"millrace/pkg/kinesis"
)

// log writes the request's one line. Nothing of the records' data or keys is in it.
func (h *handler) log(ctx context.Context, x *exchange) {
	attrs := []slog.Attr{
		slog.String("action", x.action),
		slog.Int("status", x.status),
		slog.Float64("duration_ms", float64(time.Since(x.start).Microseconds())/1000),
	}
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
	level := slog.LevelInfo
	if x.status >= 500 {
		level = slog.LevelError
	}
	h.config.Logger.LogAttrs(ctx, level, "request", attrs...)
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
