package main

import (
	"os"
	"runtime"
)

// garbageFloor is how many bytes of garbage gather at least before they are collected.
const garbageFloor = 64 << 20

// collectLess has the garbage collector wait for garbageFloor bytes of garbage where it would wait for 4 MB, until the function that
// it returns is called. Little is alive between the requests, and each puts away about a megabyte: without this the collector runs
// hundreds of times a second, and takes a third of the time of durable puts.
//
// It holds memory that is never touched, and so takes no more than its address. A limit or percentage that the user has set in
// GOMEMLIMIT or GOGC is left to do as it says.
func collectLess() (end func()) {
	if os.Getenv("GOMEMLIMIT") != "" || os.Getenv("GOGC") != "" {
		return func() {}
	}
	untouched := make([]byte, garbageFloor)
	return func() { runtime.KeepAlive(&untouched) }
}
