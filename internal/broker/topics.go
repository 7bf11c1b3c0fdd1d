package broker

import "slices"

// byTopic holds what a request says per partition, flat so that its memory is
// reused: Produce, Fetch and ListOffsets group partitions by topic in the same
// way, in the request as in the response.
type byTopic[P any] struct {
	topics     []topicSpan
	partitions []P // in the order of the request
}

// topicSpan is one topic's name, which shares the frame's memory, and its share
// of the partitions.
type topicSpan struct {
	name       string
	partitions int
}

// leastTopicBytes is the smallest size of a topic in any request version: an
// empty name and an empty array, compact.
const leastTopicBytes = 2

// read decodes all topics; one decodes a partition's fields up to its tags,
// leastBytes is the least that they occupy.
func (t *byTopic[P]) read(r *reader, leastBytes int, one func(r *reader, p *P)) {
	for range r.array(leastTopicBytes) {
		name := r.text()
		count := max(r.array(leastBytes), 0)
		t.topics = append(t.topics, topicSpan{name, count})
		t.partitions = slices.Grow(t.partitions, count)
		for i := 0; i < count && !r.bad; i++ {
			var none P
			t.partitions = append(t.partitions, none)
			one(r, &t.partitions[len(t.partitions)-1])
			r.tags()
		}
		r.tags()
		if r.bad {
			return
		}
	}
}

// write encodes all topics; one encodes a partition's fields up to its tags.
func (t *byTopic[P]) write(w writer, one func(w writer, p *P)) {
	w.length(len(t.topics))
	next := 0
	for _, topic := range t.topics {
		w.text(topic.name)
		w.length(topic.partitions)
		for i := range topic.partitions {
			one(w, &t.partitions[next+i])
			w.tags()
		}
		next += topic.partitions
		w.tags()
	}
}

// each calls do for every partition with its topic's name.
func (t *byTopic[P]) each(do func(topic string, p *P)) {
	next := 0
	for _, topic := range t.topics {
		for i := range topic.partitions {
			do(topic.name, &t.partitions[next+i])
		}
		next += topic.partitions
	}
}

// reset empties it for reuse and lets go of what it referred to.
func (t *byTopic[P]) reset() {
	clear(t.topics)
	clear(t.partitions)
	t.topics, t.partitions = t.topics[:0], t.partitions[:0]
}
