package larder

import ("testing";"fmt";"sync")

type rwmap struct{ mu sync.RWMutex; m map[string][]byte }
func (m *rwmap) get(dst []byte, k string) []byte { m.mu.RLock(); defer m.mu.RUnlock(); return append(dst, m.m[k]...) }
func (m *rwmap) set(k, v string) { m.mu.Lock(); defer m.mu.Unlock(); if o, ok := m.m[k]; ok && len(o)==len(v) { copy(o, v) } else { m.m[k] = []byte(v) } }
var hotKeys = func() (ks []string) { for i := range 1000 { ks = append(ks, fmt.Sprintf("key:%012d", i)) }; return }()
const val32 = "0123456789abcdef0123456789abcdef"
func BenchmarkMapGet(b *testing.B) { m := rwmap{m: map[string][]byte{}}; for _, k := range hotKeys { m.set(k, val32) }; var buf []byte; i := 0; for b.Loop() { buf = m.get(buf[:0], hotKeys[i%1000]); i++ } }
func BenchmarkMapSet(b *testing.B) { m := rwmap{m: map[string][]byte{}}; for _, k := range hotKeys { m.set(k, val32) }; i := 0; for b.Loop() { m.set(hotKeys[i%1000], val32); i++ } }
func BenchmarkHotGetAppend(b *testing.B) { db, _ := Open(Options{}); for _, k := range hotKeys { db.Set(k, val32) }; var buf []byte; i := 0; for b.Loop() { buf, _ = db.GetAppend(buf[:0], hotKeys[i%1000]); i++ } }
func BenchmarkHotSet(b *testing.B) { db, _ := Open(Options{}); for _, k := range hotKeys { db.Set(k, val32) }; i := 0; for b.Loop() { db.Set(hotKeys[i%1000], val32); i++ } }
