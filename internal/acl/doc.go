// Package acl is Redis 7.0's access control lists: who may connect, which
// commands, keys and channels a user may use, and how that is said in rules.
//
// Terms:
//
//	Table      the commands that rules are about, each with its categories; a
//	           subcommand such as "config|get" stands beside its container
//	Rule       a word of ACL SETUSER: "on", ">secret", "+get", "~key:*", "(+set ~x)"
//	User       what the rules given so far amount to; it never changes
//	Selector   the commands, keys and channels of a user that belong together: the
//	           root selector, made by rules outside parentheses, and one for each pair
//	           of them. A command is allowed if one selector allows all of it
//	Account    a name and the User that it stands for now: what a connection is
//	           logged in to. A name that was deleted and made again is another Account
//	Users      all accounts; one of them, default, is always there
//	Call       a command with its words, to be checked
//	Log        what was denied lately: ACL LOG
//
// Operations: [User.Apply] gives a User more rules, all or none; [User.Check]
// says whether a call is allowed and, if not, why; [User.String] writes a User as
// rules that make it again, in the form of ACL LIST; [Users.Set], [Users.Delete]
// and [Users.Load] change accounts, and name those whose connections are to end.
//
// Invariants:
//
//   - A User and a Selector that somebody else can see are not changed any more:
//     Apply works on a copy, and an Account's User is swapped atomically. So a
//     check takes no lock, and sees the rules of one moment.
//   - A Table is not changed either. Rules name commands by their place in it, so
//     Users of different Tables are never mixed.
//   - The rules that [User.String] writes make the same User again.
//   - A user who may run commands that will be added later is the one whose last
//     rule about all commands was +@all: a Call of a command that the Table does
//     not have is allowed to nobody else.
//
// Rules come from clients, files and command lines. Their work is bounded by the
// size of the Table and of the rules; patterns are matched by internal/glob.
//
// Arrows: acl stands on internal/conf, for how a line is split into words, and on
// internal/glob. It knows neither connections nor the engine.
package acl
