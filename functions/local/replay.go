package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"millrace/pkg/apigw"
)

// replay sends the API Gateway event of each file through the handler, as the Lambda would get it, and prints each answer.
func replay(ctx context.Context, handler http.Handler, files []string, out io.Writer) error {
	lambda := apigw.New(handler)
	for _, file := range files {
		event, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		answer, err := lambda.Invoke(ctx, event)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		var shown struct {
			StatusCode int    `json:"statusCode"`
			Body       string `json:"body"`
		}
		if err := json.Unmarshal(answer, &shown); err != nil {
			return fmt.Errorf("%s: answer: %w", file, err)
		}
		fmt.Fprintf(out, "%s\n  %d %s\n", filepath.Base(file), shown.StatusCode, shown.Body)
	}
	return nil
}
