package hashtable

import (
	"math/bits"
	"unsafe"
)

// The object list: Go values that stubs refer to by index. Chunks hold no
// pointers, so what must be a Go value stands here, where the collector sees it.
//
// The list is made of short blocks that never move, so that growing it does not
// copy it, and so that a snapshot's copy of the list of blocks goes on seeing
// the objects of the entries it sees. An index is free again when its entry is
// released, hence when no snapshot sees it.

const objectBlock = 32

// objectShare is what an object costs beside the bytes that are accounted to it.
const objectShare = int(unsafe.Sizeof(objectSlot{}))

// objectSlot is one place of the list.
type objectSlot struct {
	// The object: the caller's value; a *byte that points at the first byte of a
	// payload; a *long that holds one of these and the key; nil when the place is
	// free.
	obj any

	// The bytes accounted to the object, the length of a payload among them; in a
	// free place the index of the next free one, plus one.
	size int
}

// long is an object together with a key that is too long for a slot.
type long struct {
	key string
	obj any
}

func (v *View) object(i uint32) *objectSlot {
	return &v.objects[i/objectBlock][i%objectBlock]
}

func (o *objectSlot) payload() string {
	obj := o.obj
	if l, ok := obj.(*long); ok {
		obj = l.obj
	}
	return unsafe.String(obj.(*byte), o.size)
}

// poison overwrites a payload, which the table owns, unlike other objects.
func (o *objectSlot) poison() {
	val := o.payload()
	for b := unsafe.Slice(unsafe.StringData(val), len(val)); len(b) > 0; {
		b = b[copy(b, poison):]
	}
}

func (o *objectSlot) weight() int {
	n, obj := objectShare, o.obj
	if l, ok := obj.(*long); ok {
		n += int(unsafe.Sizeof(*l)) + len(l.key)
		obj = l.obj
	}
	if _, ok := obj.(*byte); ok {
		return n + room(o.size)
	}
	return n + o.size
}

// room is how many bytes are allocated for a payload of n: as for slots, there are
// eight sizes to a doubling, so that a payload can often be overwritten by one a
// little longer.
func room(n int) int {
	step := 1 << max(bits.Len(uint(max(n, 1)-1))-4, 4)
	return (n + step - 1) &^ (step - 1)
}

// bytesOf makes the object of a payload.
func bytesOf(val string) *byte {
	b := make([]byte, room(len(val)))
	copy(b, val)
	return unsafe.SliceData(b)
}

// overwrite puts another payload in the place of one, if that has as much room.
func (o *objectSlot) overwrite(val string) bool {
	if room(len(val)) != room(o.size) || len(val) == 0 {
		return false
	}
	obj := o.obj
	if l, ok := obj.(*long); ok {
		obj = l.obj
	}
	copy(unsafe.Slice(obj.(*byte), len(val)), val)
	o.size = len(val)
	return true
}

func (t *Table) addObject(o objectSlot) uint32 {
	t.objectCount++
	if i := t.freeObject; i != 0 {
		p := t.ownObject(i - 1)
		t.freeObject = uint32(p.size)
		*p = o
		return i - 1
	}
	if t.nextObject == uint32(len(t.objects))*objectBlock {
		t.objects = append(t.objects, new([objectBlock]objectSlot))
		if t.src == nil {
			t.objectGen = append(t.objectGen, t.gen)
		}
	}
	i := t.nextObject
	t.nextObject++
	*t.ownObject(i) = o
	return i
}

// dropObject frees an index. Its object is nobody's business any more: neither
// the table nor a snapshot refers to it.
func (t *Table) dropObject(i uint32) {
	if t.objectCount--; t.objectCount == 0 {
		// Blocks are not given back one by one, but a table without objects need
		// not keep those of its past.
		t.objects, t.freeObject, t.nextObject, t.objectGen = nil, 0, 0, nil
		return
	}
	*t.ownObject(i) = objectSlot{size: int(t.freeObject)}
	t.freeObject = i + 1
}
