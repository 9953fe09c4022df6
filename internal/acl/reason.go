package acl

// A Reason says why a rule was not accepted, in Redis's words.
type Reason string

func (r Reason) Error() string { return string(r) }

// The reasons.
const (
	ReasonUnknown   Reason = "Unknown command or category name in ACL"
	ReasonSyntax    Reason = "Syntax error"
	ReasonKeys      Reason = "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
	ReasonChannels  Reason = "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"
	ReasonPassword  Reason = "The password you are trying to remove from the user does not exist"
	ReasonHash      Reason = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
	ReasonDuplicate Reason = "Duplicate user found. A user can only be defined once in config files"
	ReasonFirstArg  Reason = "Allowing first-arg of a subcommand is not supported"
)

// A RuleError names the rule that was not accepted. Its Err is a Reason.
type RuleError struct {
	Rule string
	Err  error
}

func (e *RuleError) Error() string {
	return "Error in ACL SETUSER modifier '" + cString(e.Rule) + "': " + e.Err.Error()
}

func (e *RuleError) Unwrap() error { return e.Err }

// An UnmatchedError names the rule that opens a parenthesis which is not closed.
type UnmatchedError struct{ Rule string }

func (e *UnmatchedError) Error() string {
	return "Unmatched parenthesis in acl selector starting at '" + cString(e.Rule) + "'."
}

// cString is what a C program prints of s.
func cString(s string) string {
	for i := range len(s) {
		if s[i] == 0 {
			return s[:i]
		}
	}
	return s
}
