package kinesis

import (
	"fmt"
	"net/http"
	"time"
)

// Error is a refusal as the wire carries it. Nothing in it is secret: it is sent as it is.
type Error struct {
	Code    string // AWS's name of the error, which SDKs act on
	Status  int    // of the HTTP answer
	Message string // "" where the answer has none
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Codes and text of the errors that a single record of a PutRecords can have. [RateExceeded] is the text of the first.
const (
	CodeProvisionedThroughputExceeded = "ProvisionedThroughputExceededException"
	CodeInternalFailure               = "InternalFailure"

	InternalFailureMessage = "Internal service failure."
)

const (
	codeSerialization = "SerializationException"
	codeAccessDenied  = "AccessDeniedException"
)

// RateExceeded returns the text of a throttled record: what was exceeded is the rate of the shard with that id.
func RateExceeded(shardID, stream, account string) string {
	return fmt.Sprintf("Rate exceeded for shard %s in stream %s under account %s.", shardID, stream, account)
}

// InvalidArgument is the refusal of an argument outside its limits. SDKs do not retry it.
func InvalidArgument(message string) *Error { return badRequest("InvalidArgumentException", message) }

// ResourceNotFound says that there is no such stream, or that it is still being created.
func ResourceNotFound(stream, account string) *Error {
	return badRequest("ResourceNotFoundException", fmt.Sprintf("Stream %s under account %s not found.", stream, account))
}

// ResourceInUse says that there is a stream of that name already.
func ResourceInUse(stream, account string) *Error {
	return badRequest("ResourceInUseException", fmt.Sprintf("Stream %s under account %s already exists.", stream, account))
}

// StreamNotActive says that the stream is in a state in which its shards and settings cannot be changed.
func StreamNotActive(stream, account, status string) *Error {
	return badRequest("ResourceInUseException",
		fmt.Sprintf("Stream %s under account %s not ACTIVE, instead in state %s", stream, account, status))
}

// StreamOnDemand says that the operation is for streams in PROVISIONED mode.
func StreamOnDemand(stream, account string) *Error {
	return badRequest("ValidationException",
		fmt.Sprintf("Request is invalid. Stream %s under account %s is in On-Demand mode.", stream, account))
}

// ExpiredIterator says that a shard iterator is older than [IteratorLife]. SDKs do not retry it; readers ask for a new one.
func ExpiredIterator(created, now time.Time) *Error {
	const layout = "Mon Jan 02 15:04:05 UTC 2006"
	return badRequest("ExpiredIteratorException", fmt.Sprintf("Iterator expired. The iterator was created at time %s "+
		"while right now it is %s which is further in the future than the tolerated delay of %d milliseconds.",
		created.UTC().Format(layout), now.UTC().Format(layout), IteratorLife.Milliseconds()))
}

// InvalidIterator refuses a text that is no shard iterator of this endpoint.
func InvalidIterator() *Error { return InvalidArgument("Invalid ShardIterator.") }

// ExpiredNextToken says that a token is older than [NextTokenLife].
func ExpiredNextToken() *Error {
	return badRequest("ExpiredNextTokenException",
		fmt.Sprintf("NextToken expired. A token can be used for %d seconds.", NextTokenLife/time.Second))
}

// InvalidNextToken refuses a text that is no token of this endpoint.
func InvalidNextToken() *Error { return InvalidArgument("Invalid NextToken.") }

// Throttling says that the caller asks too often. SDKs retry it.
func Throttling(message string) *Error { return badRequest("ThrottlingException", message) }

// LimitExceeded says that a limit on what may exist or happen at once is reached. SDKs retry it.
func LimitExceeded(message string) *Error { return badRequest("LimitExceededException", message) }

// ProvisionedThroughputExceeded says that a shard takes no more for now. SDKs retry it.
func ProvisionedThroughputExceeded(shardID, stream, account string) *Error {
	return badRequest(CodeProvisionedThroughputExceeded, RateExceeded(shardID, stream, account))
}

// DryRun answers a request that asks whether it would succeed, where it would. Nothing is done.
func DryRun() *Error {
	return badRequest("DryRunOperationException", "The request was rejected because the DryRun parameter was specified.")
}

// InternalFailure stands for anything unforeseen; its cause is not for the client. SDKs retry it.
func InternalFailure() *Error {
	return &Error{Code: CodeInternalFailure, Status: http.StatusInternalServerError, Message: InternalFailureMessage}
}

// UnknownOperation answers a request whose target is missing or names no operation.
func UnknownOperation() *Error { return badRequest("UnknownOperationException", "") }

// MissingAuthenticationToken answers a request that is not signed.
func MissingAuthenticationToken(message string) *Error {
	return forbidden("MissingAuthenticationTokenException", message)
}

// IncompleteSignature answers a request whose signature lacks parts.
func IncompleteSignature(message string) *Error {
	return forbidden("IncompleteSignatureException", message)
}

// UnrecognizedClient answers a request that is signed with a key that there is not.
func UnrecognizedClient(message string) *Error {
	return forbidden("UnrecognizedClientException", message)
}

// InvalidSignature answers a request that is not what the key's owner signed, or not now. SDKs correct their clock on it, and
// try again.
func InvalidSignature(message string) *Error { return forbidden("InvalidSignatureException", message) }

// AccessDenied says that a key has no right to an action, on the resource of that ARN unless it is "".
func AccessDenied(accessKeyID, action, arn string) *Error {
	message := fmt.Sprintf("Access key %s is not authorized to perform: kinesis:%s", accessKeyID, action)
	if arn != "" {
		message += " on resource: " + arn
	}
	return badRequest(codeAccessDenied, message)
}

// AccessDeniedMethod answers a request by another method than POST.
func AccessDeniedMethod() *Error {
	return forbidden(codeAccessDenied, "Unable to determine service/operation name to be authorized")
}

// RequestEntityTooLarge answers a body of more than [MaxBody] bytes.
func RequestEntityTooLarge() *Error {
	return &Error{
		Code:    "RequestEntityTooLargeException",
		Status:  http.StatusRequestEntityTooLarge,
		Message: fmt.Sprintf("Request body must not be longer than %d bytes", MaxBody),
	}
}

// RequestTimeout answers a body that did not come in time. SDKs send it again.
func RequestTimeout() *Error {
	return &Error{
		Code:    "RequestTimeoutException",
		Status:  http.StatusRequestTimeout,
		Message: "The request body was not received in time",
	}
}

// RequestAborted answers a body that ends before its end.
func RequestAborted() *Error {
	return badRequest("RequestAbortedException", "The request body ended before its end")
}

// serialization is the refusal of a body: without message one that is not a document of its format, with a message one
// that has a member of the wrong type.
func serialization(message string) *Error { return badRequest(codeSerialization, message) }

func badRequest(code, message string) *Error {
	return &Error{Code: code, Status: http.StatusBadRequest, Message: message}
}

func forbidden(code, message string) *Error {
	return &Error{Code: code, Status: http.StatusForbidden, Message: message}
}

// failure is an Error as the wire carries it.
type failure struct {
	presence
	code, message string
}

// members declares the body of an error. AWS's serialization errors come from a layer of its own that writes "Message".
func (f *failure) members(v visitor) {
	name := "message"
	if f.code == codeSerialization {
		name = "Message"
	}
	v.text("__type", &f.code, required, nil)
	v.text(name, &f.message, optional, nil)
}
