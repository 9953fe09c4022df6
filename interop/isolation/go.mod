module github.com/larderdb/larder/interop/isolation

go 1.26

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/larderdb/larder v0.0.0
)

require github.com/google/btree v1.1.3 // indirect

replace github.com/larderdb/larder => ../..
