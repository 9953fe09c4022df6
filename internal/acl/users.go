package acl

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// DefaultName is the account that cannot be deleted, and that a new connection
// has.
const DefaultName = "default"

// An Account is a name and the user whom it stands for now.
type Account struct {
	name string
	user atomic.Pointer[User]
}

// Name is the account's name.
func (a *Account) Name() string { return a.name }

// User is who the account stands for.
func (a *Account) User() *User { return a.user.Load() }

func newAccount(name string, u *User) *Account {
	a := &Account{name: name}
	a.user.Store(u)
	return a
}

// Users are all accounts. Its methods may be called from any goroutine.
type Users struct {
	table    *Table
	channels func() bool // acl-pubsub-default allchannels
	def      *Account

	changing sync.RWMutex // held by who changes an account or the map; for reading, by who logs in
	byName   atomic.Pointer[map[string]*Account]
}

// NewUsers returns users among whom only the default one is, who may do
// everything without a password. channels tells whether acl-pubsub-default is
// allchannels; nil is no.
func NewUsers(t *Table, channels func() bool) *Users {
	if channels == nil {
		channels = func() bool { return false }
	}
	us := &Users{table: t, channels: channels}
	us.def = newAccount(DefaultName, us.freeUser())
	us.byName.Store(&map[string]*Account{DefaultName: us.def})
	return us
}

// freeUser is the default user of a new server.
func (us *Users) freeUser() *User {
	o := us.options()
	u, err := NewUser(o).Apply(o, []string{"+@all", "~*", "&*", "on", "nopass"})
	if err != nil {
		panic(err)
	}
	return u
}

func (us *Users) options() Options { return Options{us.table, us.channels()} }

// Table is the table of commands.
func (us *Users) Table() *Table { return us.table }

// Default is the account default.
func (us *Users) Default() *Account { return us.def }

// Find returns an account, nil if there is none of that name.
func (us *Users) Find(name string) *Account { return (*us.byName.Load())[name] }

// All returns the accounts in the order of their names.
func (us *Users) All() []*Account {
	m := *us.byName.Load()
	out := make([]*Account, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[name])
	}
	return out
}

// LogIn looks for an account that the password is right for, and calls in with it. It
// is false if there is none. No account is deleted while in is called: who looks, after
// a deletion, for those logged in to the account finds what in has done.
func (us *Users) LogIn(name, password string, in func(*Account)) bool {
	a := us.Find(name)
	if a == nil || !a.User().Authenticates(password) {
		return false
	}
	us.changing.RLock()
	defer us.changing.RUnlock()
	if us.Find(name) != a {
		return false // meanwhile
	}
	in(a)
	return true
}

// Lines are all accounts as lines of a file: "user" and the name, and rules.
func (us *Users) Lines() []string {
	all := us.All()
	lines := make([]string, len(all))
	for i, a := range all {
		lines[i] = "user " + a.name + " " + a.User().String()
	}
	return lines
}

// ErrName is the error for a name that would break a line of rules.
const ErrName Reason = "Usernames can't contain spaces or null characters"

// Set gives an account more rules, all or none of them, and makes it if need be.
// before is who it was, nil for a new one.
func (us *Users) Set(name string, rules []string) (a *Account, before *User, err error) {
	if hasSpace(name) {
		return nil, nil, ErrName
	}
	us.changing.Lock()
	defer us.changing.Unlock()
	o := us.options()
	u := NewUser(o)
	a = us.Find(name)
	if a != nil {
		before = a.User()
		u = before
	}
	next, err := u.Apply(o, rules)
	if err != nil {
		return nil, nil, err
	}
	if a == nil {
		a = newAccount(strings.Clone(name), next)
		us.change(func(m map[string]*Account) { m[a.name] = a })
	} else {
		a.user.Store(next)
	}
	return a, before, nil
}

// change swaps the map for a changed copy. changing is held.
func (us *Users) change(f func(m map[string]*Account)) {
	m := maps.Clone(*us.byName.Load())
	f(m)
	us.byName.Store(&m)
}

// ErrDefault is the error for deleting the default account.
const ErrDefault Reason = "The 'default' user cannot be removed"

// Delete deletes accounts and returns those that there were.
func (us *Users) Delete(names []string) (gone []*Account, err error) {
	if slices.Contains(names, DefaultName) {
		return nil, ErrDefault
	}
	us.changing.Lock()
	defer us.changing.Unlock()
	us.change(func(m map[string]*Account) {
		for _, name := range names {
			if a := m[name]; a != nil {
				delete(m, name)
				gone = append(gone, a)
			}
		}
	})
	return gone, nil
}

// SetDefaultPassword is requirepass: the default account has this password and no
// other, or needs none if it is empty.
func (us *Users) SetDefaultPassword(password string) {
	rules := []string{"resetpass", ">" + password}
	if password == "" {
		rules = []string{"nopass"}
	}
	if _, _, err := us.Set(DefaultName, rules); err != nil {
		panic(err) // neither rule can fail
	}
}
