// Command api is the endpoint as an AWS Lambda function behind API Gateway, over DynamoDB.
//
// It reads TABLE_NAME, the DynamoDB table; AUTH_MODE, who verifies signatures: SIGV4, this function, by the keys in the
// table that KEYS_TABLE names, or IAM, API Gateway; ACCOUNT_ID, the account that ARNs and errors name (default 000000000000); and the
// variables of package awsenv, AWS_REGION and AWS_ENDPOINT_URL_DYNAMODB among them.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"millrace/pkg/apigw"
	"millrace/pkg/awsenv"
	"millrace/pkg/dynamostore"
	"millrace/pkg/httpapi"
	"millrace/pkg/shardlog"
	"millrace/pkg/streams"
)

func main() {
	logger := slog.New(httpapi.LogHandler(slog.NewJSONHandler(os.Stderr, nil), gatewayRequestID))
	handler, err := newHandler(logger)
	if err != nil {
		logger.Error("start failed", "cause", err.Error())
		os.Exit(1)
	}
	lambda.Start(handler)
}

// gatewayRequestID tells the id by which API Gateway's own log knows a request.
func gatewayRequestID(ctx context.Context) slog.Attr {
	return slog.String("gateway_request_id", apigw.RequestID(ctx))
}

func newHandler(logger *slog.Logger) (*apigw.Handler, error) {
	table := os.Getenv("TABLE_NAME")
	if table == "" {
		return nil, errors.New("TABLE_NAME is not set: it names the DynamoDB table")
	}
	aws, err := awsenv.Load(os.Getenv)
	if err != nil {
		return nil, err
	}
	client := dynamostore.NewClient(dynamostore.Config{AWS: aws})
	access, err := newAccess(client, aws.Region, logger)
	if err != nil {
		return nil, err
	}
	service := streams.New(shardlog.NewLog(dynamostore.New(client, table), shardlog.Options{Compress: true, EnforceLimits: true}), streams.Config{
		Account: os.Getenv("ACCOUNT_ID"),
		Region:  aws.Region,
		Logger:  logger,
		// An answer has 6 MB (Lambda quotas, "Invocation payload, synchronous"), headers and all.
		AnswerBytes: 6_000_000,
	})
	return apigw.New(httpapi.New(httpapi.Config{Service: service, Logger: logger, Access: access})), nil
}
