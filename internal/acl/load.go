package acl

import (
	"fmt"
	"strings"
)

// Users from files: the user lines of a configuration, and the file of aclfile.

// CheckLine looks at the words behind "user" in a configuration as far as that is
// possible before all commands are known. The error is what a server says of the
// line; like Redis it names a word two before the one that is wrong.
func CheckLine(t *Table, words []string) error {
	o := Options{Table: t}
	shown := append([]string{"user"}, words...)
	merged, err := Merge(words[1:])
	if err != nil {
		return LoadError(err.Error())
	}
	u := NewUser(o)
	for i, r := range merged {
		if err := u.apply(o, r); err != nil && err != ReasonUnknown {
			return LoadError("Error in user declaration '" + shown[i] + "': " + err.Error())
		}
	}
	return nil
}

// A LoadError is what is wrong with the users of a file, in the words that Redis
// logs or answers.
type LoadError string

func (e LoadError) Error() string { return string(e) }

// Configure gives the users of a configuration, each as a name and rules; after an
// error some of them are there. disabled names the users who cannot log in, which
// may be a mistake.
func (us *Users) Configure(users [][]string) (disabled []string, err error) {
	for _, words := range users {
		name, rules := words[0], words[1:]
		if hasSpace(name) {
			return nil, LoadError("Spaces not allowed in ACL usernames")
		}
		if name == DefaultName {
			rules = append([]string{"reset"}, rules...)
		}
		a, _, err := us.Set(name, rules)
		if err != nil {
			rule, why := name, err
			if e, ok := err.(*RuleError); ok {
				rule, why = cString(e.Rule), e.Err
			}
			return nil, LoadError(fmt.Sprintf("Error loading ACL rule '%s' for the user named '%s': %v", rule, name, why))
		}
		if !a.User().Enabled() {
			disabled = append(disabled, name)
		}
	}
	return disabled, nil
}

// Load puts the users of a file in the place of all there are, or changes nothing
// if anything is wrong with it. file is what errors call it. The accounts that are
// gone are returned, those too that were made again; the default account stays and
// has the user of the file, or one who may do everything.
func (us *Users) Load(file, text string) (gone []*Account, before *User, err error) {
	us.changing.Lock()
	defer us.changing.Unlock()
	l := loading{us: us, o: us.options(), file: file, found: map[string]*Account{}}
	for i, line := range strings.Split(text, "\n") {
		l.line(i+1, strings.Trim(line, " \t\r\n"))
	}
	if l.errors != "" {
		return nil, nil, LoadError(l.errors +
			"WARNING: ACL errors detected, no change to the previously active ACL rules was performed")
	}
	before = us.def.User()
	if d := l.found[DefaultName]; d != nil {
		us.def.user.Store(d.User())
	} else {
		us.def.user.Store(us.freeUser())
	}
	l.found[DefaultName] = us.def
	for _, a := range us.All() {
		if a != us.def {
			gone = append(gone, a)
		}
	}
	us.byName.Store(&l.found)
	return gone, before, nil
}

// A loading is the reading of a file of users.
type loading struct {
	us     *Users
	o      Options
	file   string
	found  map[string]*Account
	errors string
}

func (l *loading) fail(format string, args ...any) { l.errors += fmt.Sprintf(format, args...) }

// line reads a line, which is empty or gives a user. Words end at single blanks:
// nothing is quoted in such a file.
func (l *loading) line(n int, line string) {
	if line == "" {
		return
	}
	words := strings.Split(line, " ")
	switch {
	case words[0] != "user" || len(words) < 2:
		l.fail("%s:%d should start with user keyword followed by the username. ", l.file, n)
		return
	case hasSpace(words[1]):
		l.fail("'%s:%d: username '%s' contains invalid characters. ", l.file, n, words[1])
		return
	case l.found[words[1]] != nil:
		l.fail("WARNING: Duplicate user '%s' found on line %d. ", words[1], n)
		return
	}
	rules, err := Merge(words[2:])
	if err != nil {
		l.fail("%s:%d: Unmatched parenthesis in selector definition.", l.file, n)
		rules = nil
	}
	u, failed := NewUser(l.o), false
	for _, r := range rules {
		r = strings.Trim(r, "\t\r\n")
		switch err := u.apply(l.o, r); {
		case err == ReasonUnknown: // no secret: it may be shown
			l.fail("%s:%d: Error in applying operation '%s': %s. ", l.file, n, r, err)
		case err != nil && !failed: // what comes after it may be wrong because of it
			l.fail("%s:%d: %s. ", l.file, n, err)
			failed = true
		}
	}
	u.free = u.root().everything()
	l.found[words[1]] = newAccount(words[1], u)
}
