package rdb

// moduleNames are the letters of a module's name, of which its ID has nine in 54
// bits, above 10 bits of its version.
const moduleNames = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func moduleName(id uint64) []byte {
	var b [9]byte
	id >>= 10
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = moduleNames[id&63]
		id >>= 6
	}
	return b[:]
}

// module decodes a value of a module: it can be skipped, since each part says what
// it is.
func (d *Decoder) module() {
	name := moduleName(d.in.num())
	switch {
	case !d.ok():
	case d.o.Modules == RefuseModules:
		d.in.fail(ErrModule, string(name))
	default:
		d.quiet = d.quiet || d.o.Modules == SkipModules
		d.start(Module, -1)
		d.begin()
		d.skipModule()
		d.ev.Name = name
		d.emit(KindModule)
	}
}

// moduleAux decodes what a module keeps beside keys.
func (d *Decoder) moduleAux() {
	name := moduleName(d.in.num())
	if d.in.num() != moduleUInt { // when it was written: before the keys, or after
		d.in.corrupt("data of a module")
	}
	d.in.num()
	if d.ok() && d.o.Modules == RefuseModules {
		d.in.fail(ErrModule, string(name))
	}
	d.skipModule()
	if d.o.Modules == ReportModules {
		d.ev.Name = name
		d.emit(KindModuleAux)
	}
}

func (d *Decoder) skipModule() {
	for d.ok() {
		switch d.in.num() {
		case moduleEOF:
			return
		case moduleSInt, moduleUInt:
			d.in.num()
		case moduleFloat:
			d.in.fixed(4)
		case moduleDouble:
			d.in.fixed(8)
		case moduleString:
			d.in.str(&d.val)
		default:
			d.in.corrupt("data of a module")
		}
	}
}
