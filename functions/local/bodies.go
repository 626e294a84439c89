package main

import (
	"net/http"

	"golang.org/x/sync/semaphore"

	"millrace/pkg/kinesis"
)

const (
	// smallBody is how many bytes a body may have that is never made to wait.
	smallBody = 256 << 10
	// largeBodies is how many bytes of larger bodies are at work at a time. A put takes some four times its body in memory, and
	// the garbage collector as much again.
	largeBodies = 64 << 20
)

// bounded returns a handler that has requests with large bodies wait for each other, so that many of them at once do not take the
// machine's memory. They are served in the order in which they came.
func bounded(next http.Handler) http.Handler {
	room := semaphore.NewWeighted(largeBodies)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := r.ContentLength
		if size < 0 {
			size = kinesis.MaxBody
		}
		if size > smallBody && size <= kinesis.MaxBody { // more is refused unread
			if err := room.Acquire(r.Context(), size); err != nil {
				return // the client has gone
			}
			defer room.Release(size)
		}
		next.ServeHTTP(w, r)
	})
}
