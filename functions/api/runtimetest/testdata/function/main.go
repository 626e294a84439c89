// Command function is a Lambda that does what its event says.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type function struct{}

func (function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event struct{ Do, Say string }
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	switch event.Do {
	case "say":
		fmt.Println(event.Say)
		fmt.Fprintln(os.Stderr, strings.ToUpper(event.Say))
		return json.Marshal(event.Say)
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return json.Marshal(map[string]any{"id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "trace": os.Getenv("_X_AMZN_TRACE_ID"), "deadline": deadline.UnixMilli()})
	case "environment":
		return json.Marshal(os.Environ())
	case "count":
		return json.Marshal(len(payload))
	case "long":
		return bytes.Repeat([]byte("x"), len(event.Say)*1000), nil
	case "fail":
		return nil, errors.New("so it was asked")
	case "panic":
		panic("so it was asked")
	case "wait":
		fmt.Println("waiting")
		<-ctx.Done()
		return nil, ctx.Err()
	}
	os.Exit(3)
	return nil, nil
}

func main() {
	if message := os.Getenv("FAIL_INIT"); message != "" {
		url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
		response, err := http.Post(url, "application/json", strings.NewReader(message))
		if err != nil || response.StatusCode != http.StatusAccepted {
			fmt.Println("init/error:", response, err)
		}
		os.Exit(1)
	}
	lambda.Start(function{})
}
