package batch_test

import (
	"testing"

	"c10klab/internal/batch"
)

func BenchmarkCheck64KiB(b *testing.B) {
	tmpl := must(b)(batch.TemplateForBytes(64<<10, 1000, 1))
	one := tmpl.AppendTo(nil)
	b.SetBytes(int64(len(one)))
	for b.Loop() {
		if _, err := batch.Check(one); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStamp64KiB(b *testing.B) {
	tmpl := must(b)(batch.TemplateForBytes(64<<10, 1000, 1))
	one := tmpl.AppendTo(nil)
	b.SetBytes(int64(len(one)))
	for b.Loop() {
		tmpl.Stamp(one, 1, 2)
	}
}
