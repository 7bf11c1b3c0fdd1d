package broker

// leastDeletePartitionBytes: index and offset.
const leastDeletePartitionBytes = 4 + 8

// toHighWatermark asks for all records to be deleted that readers see.
const toHighWatermark = -1

type deletePartition struct {
	index        int32
	before       int64 // asked for
	lowWatermark int64 // the partition's start afterwards, −1 on an error
	code         int16
}

// deleteRecords lets each partition start at an offset. There are no followers to wait
// for, so the timeout is of no use.
func (l *Log) deleteRecords(q *request) error {
	var asked byTopic[deletePartition]
	asked.read(&q.in, leastDeletePartitionBytes, func(r *reader, p *deletePartition) {
		p.index, p.before = r.Int32(), r.Int64()
	})
	q.in.Int32() // timeout
	q.in.tags()
	if err := q.in.err(); err != nil {
		return err
	}
	asked.each(func(topic string, p *deletePartition) {
		p.lowWatermark, p.code = -1, q.refused.code
		if p.code == 0 {
			l.deleteBefore(topic, p)
		}
	})
	w := q.out()
	w.int32(0) // throttle ms
	asked.write(w, func(w writer, p *deletePartition) {
		w.int32(p.index)
		w.int64(p.lowWatermark)
		w.int16(p.code)
	})
	w.tags()
	q.Respond()
	return nil
}

func (l *Log) deleteBefore(topic string, p *deletePartition) {
	log, err := l.store.Log(topic, p.index)
	if err == nil {
		before := p.before
		if before == toHighWatermark {
			before = log.HighWatermark()
		}
		err = log.DeleteRecords(before)
	}
	if err != nil {
		p.code = refusalOf(err).code
		return
	}
	p.lowWatermark = log.StartOffset()
}
