// Package streams answers the operations of the Kinesis API over the append protocol. Each operation has a file of its own,
// which opens with its behaviour.
//
// Inputs must have passed their Validate. Errors are those of package kinesis, or those of package shardlog wrapped.
package streams

import (
	"context"
	"log/slog"
	"time"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

// Config is what a service is told of the place where it runs. The zero value of each member takes the default.
type Config struct {
	Account string           // 12 digits, for ARNs and errors. Default 000000000000
	Region  string           // for ARNs. Default us-east-1
	Logger  *slog.Logger     // for causes that clients are not told. Default slog.Default()
	Now     func() time.Time // the clock. Default time.Now
	// AnswerBytes bounds an answer of GetRecords as API Gateway's event carries it, where it must pass through one.
	// Default 0: no bound but Kinesis's own, 10 MB of data.
	AnswerBytes int
	// Refuse is asked about each record that is put. A record that it has an error for is not stored and fails with it, as
	// of a shard. It is for those who test how their producers bear failures. Default nil: none fails.
	Refuse func() error
}

// Service answers operations. It is safe for use by many goroutines.
type Service struct {
	log     *shardlog.Log
	streams *shardlog.Streams
	config  Config
}

// New returns a service over a log.
func New(log *shardlog.Log, config Config) *Service {
	if config.Account == "" {
		config.Account = "000000000000"
	}
	if config.Region == "" {
		config.Region = "us-east-1"
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Service{log: log, streams: shardlog.NewStreams(log), config: config}
}

// Account returns the account that errors and ARNs name.
func (s *Service) Account() string { return s.config.Account }

// StreamARN returns the Amazon Resource Name that the stream of that name has.
func (s *Service) StreamARN(stream string) string {
	return kinesis.StreamARN(s.config.Region, s.config.Account, stream)
}

// logFailures logs why a shard did not store what was sent to it, once for each shard. That a shard is at its limits is no failure of
// this endpoint, and counted in the request's own line.
func (s *Service) logFailures(ctx context.Context, stream string, results *shardlog.Results) {
	logged := map[uint32]bool{}
	for _, r := range results.All() {
		if r.Err != nil && !logged[r.Shard] && !overLimit(r.Err) {
			logged[r.Shard] = true
			s.config.Logger.ErrorContext(ctx, "append failed", "stream", stream, "shard", kinesis.ShardID(r.Shard), "cause", r.Err.Error())
		}
	}
}
