package models

// overflow is an item that waits for room outside the queue, on nobody's thread.
type overflow[T any] struct {
	item  T
	taken func() // called once the item is in the queue
}

// offerOrWait appends an item if there is room. Otherwise the item waits outside
// and is appended when those that came before it are: then taken is called on the
// thread that made room. False: it waits. What waits outside comes before threads
// that wait in put.
func (q *queue[T]) offerOrWait(item T, taken func()) bool {
	q.mu.Lock()
	if q.count == len(q.ring) && !q.closed {
		q.overflow = append(q.overflow, overflow[T]{item, taken})
		q.longest = max(q.longest, q.count+len(q.overflow))
		q.mu.Unlock()
		return false
	}
	return q.append(item)
}

// admitOverflow moves the oldest item that waits outside into the room just made.
// It is called with the lock held and releases it.
func (q *queue[T]) admitOverflow() {
	first := q.overflow[0]
	last := copy(q.overflow, q.overflow[1:])
	q.overflow[last] = overflow[T]{}
	q.overflow = q.overflow[:last]
	q.append(first.item)
	first.taken()
}
