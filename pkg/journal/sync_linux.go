package journal

import (
	"errors"
	"os"
	"syscall"
)

// syncData does not write the file's times, which a full sync would.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
