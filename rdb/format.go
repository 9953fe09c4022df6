package rdb

// The versions of the format.
const (
	// MinVersion and MaxVersion are the versions of Redis that are read.
	MinVersion = 1
	MaxVersion = 12
	// ValkeyVersion is the version of Valkey that is read beside them. The numbers
	// in between are of servers whose format is not known.
	ValkeyVersion = 80
	// DefaultVersion is what is written: that of Redis 7.0, which everything newer
	// reads as well.
	DefaultVersion = 10

	// versionSetListpack is the first version with sets in listpacks, and streams
	// with the times at which consumers were active.
	versionSetListpack = 11
	// versionFieldExpiry is the first version with fields that expire.
	versionFieldExpiry = 12
	// versionChecksum is the first version with a checksum at the end.
	versionChecksum = 5
)

// The types of values, as their byte in a file says.
const (
	typeString         = 0
	typeList           = 1
	typeSet            = 2
	typeZSet           = 3 // scores as text
	typeHash           = 4
	typeZSet2          = 5 // scores in binary
	typeModulePreGA    = 6
	typeModule2        = 7
	typeHashZipmap     = 9
	typeListZiplist    = 10
	typeSetIntset      = 11
	typeZSetZiplist    = 12
	typeHashZiplist    = 13
	typeListQuicklist  = 14 // nodes are ziplists
	typeStream         = 15
	typeHashListpack   = 16
	typeZSetListpack   = 17
	typeListQuicklist2 = 18 // nodes are listpacks or plain
	typeStream2        = 19 // first ID, deletions and additions counted
	typeSetListpack    = 20
	typeStream3        = 21 // when consumers were active
	typeHashPreGA      = 22 // of Redis: fields that expire, in a candidate of 7.4
	typeHashExPreGA    = 23
	typeHashMetadata   = 24 // of Redis 7.4
	typeHashListpackEx = 25

	typeValkeyHash2 = 22 // of Valkey: fields that expire
)

// The bytes in the place of a type that say something else.
const (
	opSlotImport    = 243 // of Valkey
	opSlotInfo      = 244
	opFunction2     = 245
	opFunctionPreGA = 246
	opModuleAux     = 247
	opIdle          = 248
	opFreq          = 249
	opAux           = 250
	opResizeDB      = 251
	opExpireMs      = 252
	opExpire        = 253
	opSelectDB      = 254
	opEOF           = 255
)

// How a length begins: its two upper bits, or all of it.
const (
	len6  = 0 << 6
	len14 = 1 << 6
	len32 = 0x80
	len64 = 0x81
	encAt = 3 << 6 // no length: the lower bits say how a string is encoded

	encInt8  = 0
	encInt16 = 1
	encInt32 = 2
	encLZF   = 3
)

// The kinds of nodes of typeListQuicklist2.
const (
	nodePlain  = 1
	nodePacked = 2
)

// What comes next in the data of a module.
const (
	moduleEOF    = 0
	moduleSInt   = 1
	moduleUInt   = 2
	moduleFloat  = 3
	moduleDouble = 4
	moduleString = 5
)

// The first byte of a score as text where it is no length.
const (
	scoreNaN    = 253
	scoreInf    = 254
	scoreNegInf = 255
)

const (
	magicRedis  = "REDIS"
	magicValkey = "VALKEY"
	headerLen   = 9 // the magic and the version in the digits that are left
)
