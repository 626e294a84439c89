package main

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"millrace/pkg/shardlog"
)

// errOnDemand is why a record fails under -fail.
var errOnDemand = errors.New("the flag -fail made it fail")

// refusal returns what makes the share of records fail that the flags ask for, or nil where they ask for none.
func (o *options) refusal() func() error {
	if o.throttle == 0 && o.fail == 0 {
		return nil
	}
	return func() error {
		switch drawn := rand.Float64(); {
		case drawn < o.throttle:
			return &shardlog.OverLimitError{} // as by -enforce-limits: it is no failure to be logged
		case drawn < o.throttle+o.fail:
			return errOnDemand
		}
		return nil
	}
}

// delayed returns a handler that makes each request wait before the next one gets it.
func delayed(next http.Handler, latency time.Duration) http.Handler {
	if latency == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}
