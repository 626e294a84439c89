package httpapi

import (
	"maps"
	"slices"
)

// Actions returns the actions that are served.
func Actions() []string { return slices.Sorted(maps.Keys(operations(nil))) }
