package journal

// CreateOver creates a file that is written to directly by way of `direct`, nil where it is not.
func CreateOver(path string, direct writerAtCloser) (File, error) {
	f, err := create(path)
	if err != nil {
		return nil, err
	}
	on := f.(*diskFile)
	if on.direct != nil {
		err = on.direct.Close()
	}
	on.direct = direct
	return on, err
}
