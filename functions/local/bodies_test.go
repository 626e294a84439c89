package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"

	"millrace/pkg/kinesis"
)

// TestLargeBodiesWait: as many large bodies are at work as there is room for, the others wait and are served; small ones and those
// that are refused unread do not wait, and who goes away while waiting is not served.
func TestLargeBodiesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var atWork, most, served int
		finish := make(chan struct{})
		handler := bounded(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			served++
			if atWork++; atWork > most {
				most = atWork
			}
			mu.Unlock()
			if r.Header.Get("Large") != "" {
				<-finish
			}
			mu.Lock()
			atWork--
			mu.Unlock()
		}))
		send := func(ctx context.Context, length int64, large string) {
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
			r.ContentLength = length
			r.Header.Set("Large", large)
			handler.ServeHTTP(httptest.NewRecorder(), r)
		}
		const room = largeBodies / kinesis.MaxBody
		for i := range room + 3 {
			length := int64(kinesis.MaxBody)
			if i%2 == 1 {
				length = -1 // not known
			}
			go send(t.Context(), length, "large")
		}
		synctest.Wait()
		if atWork != room {
			t.Errorf("%d large bodies are at work, want %d", atWork, room)
		}
		gone, leave := context.WithCancel(t.Context())
		go send(gone, kinesis.MaxBody, "large")
		synctest.Wait()
		leave()
		for _, length := range []int64{0, smallBody, kinesis.MaxBody + 1} {
			send(t.Context(), length, "")
		}
		if served != room+3 {
			t.Errorf("%d were served, want %d large and 3 others", served, room)
		}
		close(finish)
		synctest.Wait()
		if served != room+3+3 || atWork != 0 {
			t.Errorf("%d were served in the end, %d are at work", served, atWork)
		}
	})
}
