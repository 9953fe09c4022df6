// Package redistest asks a real redis-server, and holds others to its answers.
//
// The cast:
//
//	Server   a redis-server started for a test and stopped with it
//	Conn     a small RESP2 and RESP3 client over any net.Conn
//	Value    a reply; Value.Lines renders it as text
//	Target   whatever scripts can be run against: a Server, a larder in process, one over RESP3 in memory
//	Run      runs a golden script against a Target
//	RunEffects  runs a script of effects and keyspace events against an EffectsTarget
//	CompareEvents  compares the keyspace events, of all classes, of two targets
//
// Scripts stand in testdata/*.txt. The replies in them are recorded from redis-server 7.0.15 by
//
//	go test ./internal/redistest -run Golden -rewrite
//
// which keeps every expectation that still matches (regular expressions among them) and replaces the rest. No other
// target ever writes a script.
//
// # The format
//
// A script is a sequence of blocks, separated by blank lines. A block is one or more command lines, a line of four
// dashes, and their replies in order. A reply's first line stands at the margin, its elements are indented by two.
//
//	# a comment
//	SET k "a\x00b"
//	GET k
//	----
//	OK
//	"a\x00b"
//
// Words are split and quoted as in redis-cli. When RESP3 answers otherwise, the whole list of replies is repeated
// after a line "---- resp3". These lines may stand among the commands:
//
//	c1> GET k        on another client, made at its first use
//	c1>> BLPOP k 0   send, and go on once the server shows a blocked client more, or a reply has come
//	c1>>> GET k      send, and go on at once
//	c1<<             await the next reply, or a message pushed to the client
//	! SET k v        setup: must not answer an error, and its reply is not recorded (also: ! c1> SET k v)
//	@let id c1> CLIENT ID             {id} in later lines is this reply
//	@let a c1> CLIENT INFO ~ addr=(\S+)   ... or this group of it
//	@scan SCAN {cursor} COUNT 3       iterate to the end; the reply is everything seen, once, sorted
//	@scan pairs HSCAN h {cursor}      ... where two elements belong together
//	@sleep 20ms
//	@blocked 2       wait until exactly two clients are blocked
//	@reset           close every client, empty the store, default configuration
//
// and these stand before them, and are about the whole block:
//
//	@resp2, @resp3   only in this protocol
//	@unordered       elements of an array, set or map come in any order ("@unordered deep": nested ones too;
//	                 "@unordered pairs": RESP2's flat arrays of names and values)
//	@lines [regexp]  a reply of many lines (INFO, CLIENT LIST) is shown line by line; only those that match
//	@each 0 1 -1     run the block for each word, put in the place of {}. Words are separated by " | " if that occurs;
//	                 a list may go on in a further @each, after a trailing " |". $int and $float stand for the borders
//	                 at which numbers are tested. Each round's first reply is preceded by its word in braces.
//
// Where a reply cannot be fixed, an expected line "~ regexp" matches a line, and "..." any number of lines. A client
// whose connection ended answers "(closed)", and is dialed anew when it is used again.
//
// # Effects
//
// Files named effects_*.txt hold, instead of replies, the commands that a replica is sent, in order, then after a line
// "@events" the keyspace events. A block without any says "(none)". Errors are shown as "(error) ...", so that a
// script that went wrong is seen. A time within ten years of now is shown as <now+100s>.
package redistest
