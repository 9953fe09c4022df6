package rdb

// A Kind says what an [Event] tells, and which of its fields are set.
type Kind uint8

// The kinds, in the order in which they may come: the header; what concerns the
// file; databases with their keys; the end.
const (
	KindHeader     Kind = iota + 1 // Version, Valkey
	KindAux                        // Name and Value of a field that describes the file
	KindFunction                   // Value: the source of a library of functions
	KindModuleAux                  // Name of a module whose data was skipped
	KindSlotImport                 // Name of a job that was importing slots when the file was written
	KindDB                         // DB: that of the keys that follow
	KindSize                       // Keys and Expires: how many keys the database has
	KindSlot                       // Slot, Keys and Expires

	// A key begins with KindKey and ends with KindEnd. In between come, by its type,
	//
	//	string      String
	//	list        Element, Packed of single nodes
	//	set         Element, or one Packed
	//	sorted set  Member, or one Packed
	//	hash        Field, or one Packed
	//	stream      Node (or Entry) ..., Stream, for each group: Group, Pending ...,
	//	            Consumers, for each consumer: Consumer, Own ...
	//	module      Module
	KindKey
	KindString    // Value
	KindElement   // Value; Plain
	KindMember    // Value, Score
	KindField     // Field, Value, ExpireAt
	KindPacked    // Value: bytes as Packing says
	KindNode      // ID, Value: entries of a stream in a listpack
	KindEntry     // ID, Fields: names and values by turns
	KindStream    // Stream; Count: of the groups that follow
	KindGroup     // Name, ID: the last one delivered, Read; Count: of its pending entries
	KindPending   // ID, Time and Count of deliveries
	KindConsumers // Count: of the consumers that follow
	KindConsumer  // Name, Seen, Active; Count: of its pending entries
	KindOwn       // ID of a pending entry that is the consumer's
	KindModule    // Name of the module; its data was skipped
	KindEnd

	KindEOF // Checksum; 0 if the file has none

	// kindRaw is, of a Decoder that leaves values undecoded, all there is of a key:
	// Value has the bytes of its value, for a valueDecoder, Offset says where they
	// lie. Nothing in them is checked but that they are complete.
	kindRaw
)

// rawElements is the most elements, or nodes, of a value that comes as kindRaw. Those
// that announce more come as events, since they may be larger than memory.
const rawElements = 4096

// A Type is the type of a value.
type Type uint8

// The types.
const (
	String Type = iota + 1
	List
	Set
	SortedSet
	Hash
	Stream
	Module
)

var typeNames = [...]string{"none", "string", "list", "set", "zset", "hash", "stream", "module"}

// String is the type's name, as Redis's TYPE answers it.
func (t Type) String() string { return typeNames[t] }

// A Packing says what the bytes of a KindPacked are. They are validated in full:
// those of a listpack or an intset, with no member or field twice, in order where
// there is one. What older versions wrote as ziplists and zipmaps is handed out as
// listpacks.
type Packing uint8

// The packings.
const (
	PackedInts    Packing = iota + 1 // an intset: a set
	PackedMembers                    // a listpack: a set
	PackedNode                       // a listpack: a node of a list, or all of it; may be empty
	PackedScores                     // a listpack of members and scores by turns, in order
	PackedFields                     // a listpack of fields and values by turns
	PackedExpiry                     // a listpack of fields, values and times of expiry in ms or 0: in the order of these, 0 last
)

// An ID is the ID of an entry of a stream.
type ID struct{ Ms, Seq uint64 }

// A Key is a key, and what comes with it.
type Key struct {
	Name     []byte // borrowed, but good until KindEnd
	Type     Type
	Encoding byte  // the type byte of the file
	ExpireAt int64 // Unix milliseconds; 0: never. A time before 1970 is 1.
	Idle     int64 // seconds since its last access; -1: not told
	Freq     int   // the counter of accesses of LFU, 0 to 255; -1: not told
	Count    int64 // of elements that follow, or of nodes; -1: not told ahead

	base uint64 // of typeHashMetadata: from what times count
}

// Meta is what a stream knows of its entries.
type Meta struct {
	Len          int64 // entries
	LastID       ID
	FirstID      ID    // 0-0 if there is no entry, or before version 10
	MaxDeletedID ID    // 0-0 before version 10
	EntriesAdded int64 // -1 before version 10
}

// An Event is one step through a file. Its bytes are borrowed, and good until the
// next event.
type Event struct {
	Kind   Kind
	Offset int64 // in the input, where what it tells begins
	DB     int
	Key    *Key // of the events from KindKey to KindEnd, else nil

	Version int  // of KindHeader
	Valkey  bool // the dialect: Valkey's, else Redis's

	Name     []byte
	Field    []byte
	Value    []byte
	Fields   [][]byte
	Packing  Packing
	Plain    bool // of KindElement: the element is a node of a list by itself
	Score    float64
	ExpireAt int64 // of a field, Unix milliseconds; 0: never

	ID     ID
	Stream *Meta
	Read   int64 // entries that a group has read; -1: not known
	Time   int64 // Unix milliseconds
	Seen   int64 // Unix milliseconds
	Active int64 // Unix milliseconds; -1: never
	Count  int64

	Slot     int
	Keys     int64
	Expires  int64
	Checksum uint64
}
