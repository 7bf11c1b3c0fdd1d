package loadgen

// ring is a queue that grows by doubling and never shrinks, so it allocates nothing once it
// has been as long as it gets. The zero ring is empty.
type ring[T any] struct {
	slots []T
	head  int
	n     int
}

func (r *ring[T]) len() int { return r.n }

// at returns the i-th oldest element; the pointer is good until the next push.
func (r *ring[T]) at(i int) *T { return &r.slots[(r.head+i)&(len(r.slots)-1)] }

func (r *ring[T]) push(v T) {
	if r.n == len(r.slots) {
		r.grow()
	}
	r.n++
	*r.at(r.n - 1) = v
}

func (r *ring[T]) pop() T {
	v := *r.at(0)
	r.head = (r.head + 1) & (len(r.slots) - 1)
	r.n--
	return v
}

func (r *ring[T]) grow() {
	slots := make([]T, max(1, 2*len(r.slots)))
	for i := range r.n {
		slots[i] = *r.at(i)
	}
	r.slots, r.head = slots, 0
}
