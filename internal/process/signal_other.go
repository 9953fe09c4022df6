//go:build !unix

package process

func ignoreHangups() {}
