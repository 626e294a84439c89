// Package deadline has contexts that end by a time, as those of [context.WithDeadline] do, or with the last of several others, and that cost next
// to nothing for as long as nobody waits for the end. A request has several of them, one within the other, and a store in memory answers all
// without a wait.
package deadline

import (
	"context"
	"sync"
	"time"
)

// Context is a context with a deadline. It looks at the clock when it is asked whether it has ended, and makes its timer, and is known to its
// parent, only once somebody waits for that. Apart from this it does what one of [context.WithDeadline] does, also to contexts
// that are derived from it; only, where it both was cancelled and met its deadline before it was asked, its error may be either. It is safe
// for use by many goroutines.
type Context struct {
	parent context.Context
	end    time.Time

	mu      sync.Mutex
	err     error              // why it ended; nil: that was not seen
	waited  context.Context    // ends when this one does; nil until somebody waits
	endWait context.CancelFunc // of waited
}

var _ context.Context = (*Context)(nil)

// With returns a copy of the parent that ends at the given time at the latest. It must be cancelled once it is no longer needed.
func With(parent context.Context, end time.Time) *Context {
	if earlier, ok := parent.Deadline(); ok && earlier.Before(end) {
		end = earlier
	}
	return &Context{parent: parent, end: end}
}

// Cancel ends the context, unless it has ended.
func (c *Context) Cancel() {
	c.mu.Lock()
	endWait := c.endWait
	if c.err == nil && endWait == nil {
		c.err = context.Canceled
	}
	c.mu.Unlock()
	if endWait != nil {
		endWait()
	}
}

// Deadline implements [context.Context].
func (c *Context) Deadline() (time.Time, bool) { return c.end, true }

// Done implements [context.Context].
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waited == nil {
		c.waited, c.endWait = context.WithDeadline(c.parent, c.end)
		if c.err != nil {
			c.endWait()
		}
	}
	return c.waited.Done()
}

// Err implements [context.Context].
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
	case c.waited != nil:
		c.err = c.waited.Err()
	default:
		if c.err = c.parent.Err(); c.err == nil && !time.Now().Before(c.end) {
			c.err = context.DeadlineExceeded
		}
	}
	return c.err
}

// Value implements [context.Context].
func (c *Context) Value(key any) any {
	c.mu.Lock()
	from := c.parent
	if c.waited != nil {
		from = c.waited // by which package context finds it, to have a derived context end with it
	}
	c.mu.Unlock()
	return from.Value(key)
}
