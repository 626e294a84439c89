package streams

import (
	"context"

	"millrace/pkg/kinesis"
	"millrace/pkg/seqnum"
)

// firstVersionDigits is how many digits the sequence numbers of Kinesis's first layout had, which began at 2^124. Below
// that a number orders a record after nothing: producers start with 0.
const firstVersionDigits = 38

// checkOrdering refuses a SequenceNumberForOrdering that is no sequence number, be it of another stream.
func (s *Service) checkOrdering(ctx context.Context, in *kinesis.PutRecordInput) error {
	number := in.SequenceNumberForOrdering
	if len(number) < firstVersionDigits {
		return nil
	}
	if _, err := seqnum.Parse(number); err == nil {
		return nil
	}
	if _, err := s.streams.Cached(ctx, in.Stream()); err != nil {
		return err
	}
	return kinesis.InvalidOrderingNumber(number, in.Stream(), s.config.Account)
}
