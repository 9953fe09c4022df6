//go:build !(linux || darwin || netbsd || openbsd)

package process

func openFiles(want int64) (got int64, why error) { return want, nil }
