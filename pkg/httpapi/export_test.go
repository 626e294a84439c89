package httpapi

import (
	"maps"
	"net/http"
	"slices"
)

// Actions returns the actions that are served.
func Actions() []string { return slices.Sorted(maps.Keys(operations(nil))) }

// Spoil fills every buffer that the handler keeps for the next requests with rubbish. Whoever still refers to one shows it.
func Spoil(served http.Handler) {
	h := served.(*handler)
	for _, b := range []*buffers{&h.bodies, &h.answers} {
		taken := make([]*[]byte, 200)
		for i := range taken {
			taken[i] = b.take()
			whole := (*taken[i])[:cap(*taken[i])]
			for at := range whole {
				whole[at] = '!'
			}
		}
		for _, buf := range taken {
			b.give(buf)
		}
	}
}

// LargestKept returns how many bytes the largest of the buffers has that the handler keeps.
func LargestKept(served http.Handler) (most int) {
	h := served.(*handler)
	for _, b := range []*buffers{&h.bodies, &h.answers} {
		for range 200 {
			most = max(most, cap(*b.take()))
		}
	}
	return most
}
