package loadgen

import "slices"

// speak chooses the protocol and prepares what it needs at the target.
func (l *load) speak() (err error) {
	if err := l.chooseProtocol(); err != nil {
		return err
	}
	if l.cfg.Protocol == ProtocolEcho {
		return nil
	}
	if l.cfg.usesTopic() {
		if l.topic, err = openTopic(l.ctx, l.cfg.Target, l.cfg.Topic, l.cfg.Partitions); err != nil {
			return err
		}
		if l.endsBefore, err = l.topic.offsets(l.ctx, logEnd); err != nil {
			return err
		}
	}
	return l.openBacklog()
}

// chooseProtocol makes the protocol for each size of request.
func (l *load) chooseProtocol() error {
	sizes := l.cfg.sizesOf(ofProducers)
	largest := slices.Max(sizes)
	for _, bytes := range sizes {
		p, err := l.newProtocol(bytes)
		if err != nil {
			return err
		}
		l.sizes = append(l.sizes, p)
		if bytes == largest {
			l.protocol = p
		}
	}
	return nil
}

func (l *load) newProtocol(bytes int) (protocol, error) {
	if l.cfg.Protocol == ProtocolEcho {
		return echo{payloadBytes: bytes}, nil
	}
	return newProduce(l.cfg, bytes, &l.wall)
}

// openBacklog finds the topic that lagging and bad consumers read.
func (l *load) openBacklog() (err error) {
	switch {
	case !l.cfg.readsBacklog():
	case l.cfg.backlogIsOwn():
		own := *l.topic
		own.partitions = l.cfg.laggingPartitions()
		l.backlog = &own
	default:
		l.backlog, err = openPrepared(l.ctx, l.cfg.Target, l.cfg.LaggingTopic, l.cfg.LaggingPartitions)
	}
	return err
}
