package process

import (
	"fmt"
	"strconv"
)

// reservedFiles are what a server needs besides its clients: the log, the
// snapshot, listeners, and some to spare.
const reservedFiles = 32

// RaiseOpenFiles sees to it that the process may have maxclients connections
// open at once and returns how many it may have: fewer where the system sets a
// limit, after lines in the log that say so. The error tells that the limit
// leaves room for none.
//
// Where the system has no such limit to ask for, it returns maxclients.
func RaiseOpenFiles(log *Log, maxclients int64) (allowed int64, err error) {
	want := maxclients + reservedFiles
	got, why := openFiles(want)
	if got >= want {
		return maxclients, nil
	}
	if got <= reservedFiles {
		return 0, fmt.Errorf("the current 'ulimit -n' of %d is not enough for the server to start: %d open files are needed", got, want)
	}
	allowed = got - reservedFiles
	log.Printf(Warning, "maxclients of %d needs at least %d open files", maxclients, want)
	if why != nil {
		log.Printf(Warning, "The number of open files cannot be set to %d: %v", want, why)
	}
	log.Printf(Warning, "Current maximum open files is %d. maxclients has been reduced to %d to compensate for low ulimit. Increase 'ulimit -n' for more", got, allowed)
	return allowed, nil
}

// CheckClients is the check of CONFIG SET maxclients: nil if the system allows
// so many, raising the limit where it can, or Redis's reason why not.
func CheckClients(maxclients int64) error {
	want := maxclients + reservedFiles
	if got, _ := openFiles(want); got < want {
		return reply("The operating system is not able to handle the specified number of clients, try with " + strconv.FormatInt(max(got-reservedFiles, 0), 10))
	}
	return nil
}

// A reply is an error that goes into one of Redis's, and starts as those do.
type reply string

func (r reply) Error() string { return string(r) }
