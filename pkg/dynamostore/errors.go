package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"millrace/pkg/shardlog"
)

// failed wraps an error of DynamoDB with what was being done, and with [shardlog.ErrThrottled] or [shardlog.ErrRefused]
// where it says for certain that nothing was applied.
func failed(err error, doing string, args ...any) error {
	doing = fmt.Sprintf(doing, args...)
	if meaning := meaningOf(err); meaning != nil {
		return fmt.Errorf("%s: %w: %w", doing, meaning, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// refused is failed for what this package refuses by itself.
func refused(doing string, args ...any) error {
	return fmt.Errorf("%w: "+doing, append([]any{shardlog.ErrRefused}, args...)...)
}

// meaningOf returns the protocol's word for an error, or nil where the request may have been applied: a lost connection, a time
// limit, a failure inside DynamoDB, or anything not known here.
func meaningOf(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if unsent(err) {
		return shardlog.ErrRefused
	}
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		return meaningOfReasons(cancelled.CancellationReasons)
	}
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return meaningOfCode(answer.ErrorCode())
	}
	return nil
}

// meaningOfCode knows the codes that DynamoDB's developer guide lists under "Error handling with DynamoDB", and those that
// every AWS service has in common. Only codes that are sure to come before anything was written are here.
func meaningOfCode(code string) error {
	switch code {
	case "ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded",
		"LimitExceededException", "TransactionConflictException", "ReplicatedWriteConflictException":
		return shardlog.ErrThrottled
	case "ResourceNotFoundException", "AccessDeniedException", "AccessDenied", "ValidationException", "ValidationError",
		"UnrecognizedClientException", "InvalidClientTokenId", "IncompleteSignatureException", "IncompleteSignature",
		"InvalidSignatureException", "SignatureDoesNotMatch", "MissingAuthenticationTokenException",
		"MissingAuthenticationToken", "ExpiredTokenException", "ExpiredToken", "OptInRequired", "SerializationException",
		"UnknownOperationException", "ItemCollectionSizeLimitExceededException",
		"IdempotentParameterMismatchException", "RequestEntityTooLargeException":
		return shardlog.ErrRefused
	}
	return nil
}

// meaningOfReasons judges a transaction by its items' reasons. One that can never pass outweighs those that may pass later.
func meaningOfReasons(reasons []types.CancellationReason) error {
	var meaning error
	for _, r := range reasons {
		switch aws.ToString(r.Code) {
		case "ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied":
			return shardlog.ErrRefused
		case "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError":
			meaning = shardlog.ErrThrottled
		}
	}
	return meaning
}

// unsent tells whether the SDK gave up before it sent anything.
func unsent(err error) bool {
	var (
		serialization *smithy.SerializationError
		params        smithy.InvalidParamsError
	)
	return errors.Is(err, errCredentials) || errors.As(err, &serialization) || errors.As(err, &params)
}
