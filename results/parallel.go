package results

import (
	"cmp"
	"runtime"
	"sync"
	"sync/atomic"
)

// inParallel calls do for 0 to n−1, on as many threads as there are CPUs, and
// returns the error of the lowest number that has one.
func inParallel(n int, do func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				errs[i] = do(i)
			}
		})
	}
	group.Wait()
	return cmp.Or(errs...)
}
