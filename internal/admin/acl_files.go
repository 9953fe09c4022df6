package admin

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/larderdb/larder/internal/acl"
	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/engine"
)

// Users in files: the user lines of the configuration, and aclfile.

// CheckUserLine looks at the words of a user line, as far as that is possible before
// the store is there; see conf.Config.CheckUser.
func CheckUserLine(commands engine.Table, words []string) error {
	return acl.CheckLine(aclTableOf(commands), words)
}

// LoadUsers reads the users of the configuration, or those of aclfile. It is called
// before anybody is served. Errors are in the words in which a Redis logs them before
// it ends.
func (s *Server) LoadUsers() error {
	lines, file := s.conf.Users(), s.conf.String("aclfile")
	if file != "" && len(lines) > 0 {
		return acl.LoadError("Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is " +
			"invalid. This setup is very likely to lead to configuration errors and security holes, please define either " +
			"an ACL file or declare users directly in your redis.conf, but not both.")
	}
	disabled, err := s.users.Configure(lines)
	if err != nil {
		return err
	}
	for _, name := range disabled {
		s.log.Info("The user '" + name + "' is disabled (there is no 'on' modifier in the user description). " +
			"Make sure this is not a configuration error.")
	}
	if file == "" {
		return nil
	}
	if _, _, err := s.loadUsers(file); err != nil {
		return startError{err}
	}
	return nil
}

type startError struct{ error }

func (e startError) Error() string {
	return "Aborting Redis startup because of ACL errors: " + e.error.Error()
}
func (e startError) Unwrap() error { return e.error }

// loadUsers reads aclfile.
func (s *Server) loadUsers(file string) (gone []*acl.Account, before *acl.User, err error) {
	text, err := os.ReadFile(s.pathOf(file))
	if err != nil {
		return nil, nil, acl.LoadError("Error loading ACLs, opening file '" + file + "': " + reasonOf(err))
	}
	return s.users.Load(file, string(text))
}

// saveUsers writes aclfile.
func (s *Server) saveUsers(file string) error {
	var text []byte
	for _, line := range s.users.Lines() {
		text = append(append(text, line...), '\n')
	}
	return conf.ReplaceFile(s.pathOf(file), text)
}

func (s *Server) pathOf(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(s.conf.String("dir"), file)
}

// reasonOf words an error of a file as C does, without the path.
func reasonOf(err error) string {
	var no syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, fs.ErrPermission):
		return "Permission denied"
	case errors.As(err, &no):
		return no.Error()
	}
	return err.Error()
}
