// Package rdb reads and writes RDB files, in which Redis and Valkey keep their data,
// and the payloads of DUMP, which are values in the same format.
//
//	for ev, err := range rdb.NewDecoder(file, rdb.DecoderOptions{}).Events() {
//		if err != nil {
//			return err // an *Error: with the offset, the key, the reason
//		}
//		switch ev.Kind {
//		case rdb.KindKey:    // ev.Key.Name, its type, its expiry
//		case rdb.KindString: // ev.Value
//		}
//	}
//
// It also keeps a larder.DB in such a file: [Open], or [Attach] for one that is open,
// load what is there and save it at save points, at the end, and by SAVE and BGSAVE;
// [Load] and [Save] do so once, from any reader and to any writer; [Dump] and [Restore]
// are for single values.
//
// # The cast
//
//	Saver    keeps a DB in a file
//	Decoder  reads a file as a sequence of events, in the memory of one element
//	Event    a step through a file: a key begins, an element, a key ends
//	Encoder  writes a file, event by event
//	Error    what is wrong with a file, and where
//
// Every version of Redis's format from 1 to 12 is read, and Valkey's 80, with every
// encoding that was ever written; written is version 10, of Redis 7.0, which
// everything newer reads, or 11 or 12 on demand.
//
// # The format
//
// The sources are Redis's documentation of its RDB format, the description of its
// versions at rdb.fnordig.de, and, for what neither says, the files that servers
// write.
//
//	file     REDIS and the version in four digits, or VALKEY and three; parts; 0xFF;
//	         from version 5 on the checksum, 64 bits little-endian, 0 if there is none
//	part     an instruction, or a key
//	key      what is known of it (below), a type, its name as a string, its value
//	length   00xxxxxx in 6 bits, 01xxxxxx in 14, 0x80 in 32, 0x81 in 64, big-endian
//	string   a length and so many bytes; or 0xC0, 0xC1, 0xC2: an integer of 8, 16, 32
//	         bits, little-endian, in the place of its digits; or 0xC3: the length of
//	         what LZF made of it, its own length, and that
//
// The instructions:
//
//	0xFE  database: a length        0xFB  how many keys it has, and how many expire
//	0xFA  aux: a name and a value   0xF5  a library of functions: a string
//	0xFC  the next key expires: 64 bits of milliseconds since 1970, little-endian
//	0xFD  the same in 32 bits of seconds, up to version 2
//	0xF8  its idle time in seconds, a length
//	0xF9  its counter of accesses, a byte
//	0xF7  data of a module          0xF6  functions of a candidate of 7.0: refused
//	0xF4  a slot, its keys, and how many expire: three lengths
//	0xF3  in Valkey: a job that imports slots; in Redis's up to 12 nothing
//
// The types, with the version of the format in which they came:
//
//	 0  string                          14  list of nodes, each a ziplist (7)
//	 1  list: a count, strings          15  stream (9)
//	 2  set: a count, strings           16  hash in a listpack (10)
//	 3  sorted set: scores as text      17  sorted set in a listpack (10)
//	 4  hash: a count, strings          18  list of nodes, each with its kind and a
//	 5  sorted set: scores in               listpack, or one element (10)
//	    binary (8)                      19  stream, more counted (10)
//	 7  of a module (8)                 20  set in a listpack (11)
//	 9  hash in a zipmap                21  stream, consumers' activity (11)
//	10  list in a ziplist (2)           22  hash with times; in Valkey another one
//	11  set in an intset (2)            23  hash in a listpack with times
//	12  sorted set in a ziplist (2)     24  hash with times, from the first on (12)
//	13  hash in a ziplist (4)           25  23, with the first time (12)
//
// The lower ones are read whatever the version says. 22 and 23 are those of a
// candidate of Redis 7.4. A hash of type 24 has, before each field, its time less the
// first one, plus 1, or 0; one of Valkey has, behind each value, its time in 64 bits,
// or -1.
//
// # Invariants
//
// A file at its path is whole at any time: a new one is written beside it, made
// durable, and renamed. What is saved is the store at one instant, from a snapshot,
// without its locks. What is loaded is built aside and becomes the store's at once, or
// not at all.
//
// What is handed out is whole and valid: bytes of a listpack or an intset are that
// in every element, without duplicates, in order. A plain collection comes element by
// element, before its end is known, so that duplicates among them are for the
// receiver to find, and so is whether the pending entries of a group are those of its
// consumers, each of one. Whoever makes values of them here finds both.
//
// Nothing is allocated because a length or a count is announced, but as its bytes
// arrive, 64 KB at a time.
package rdb
