// Command clients produces to a broker and consumes by partition with unmodified clients, and
// wants to be told at once that there are no groups: clients ADDRESS.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
)

const (
	records  = 100
	patience = 20 * time.Second
)

func main() {
	for _, client := range []struct {
		name string
		try  func(addr string) error
	}{{"sarama", bySarama}, {"sarama group", groupOfSarama}, {"kafka-go", byKafkaGo}, {"kafka-go group", groupOfKafkaGo}} {
		if err := client.try(os.Args[1]); err != nil {
			fmt.Printf("%s: %v\n", client.name, err)
			os.Exit(1)
		}
		fmt.Printf("%s: ok\n", client.name)
	}
}

func saramaConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0
	c.Producer.Return.Successes = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	return c
}

func bySarama(addr string) error {
	for _, codec := range []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD} {
		topic := "sarama-" + codec.String()
		config := saramaConfig()
		config.Producer.Compression = codec
		admin, err := sarama.NewClusterAdmin([]string{addr}, config)
		if err != nil {
			return err
		}
		retention := "3600000"
		if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &retention}}, false); err != nil {
			return fmt.Errorf("create: %w", err)
		}
		admin.Close()
		producer, err := sarama.NewSyncProducer([]string{addr}, config)
		if err != nil {
			return err
		}
		defer producer.Close()
		for i := range records {
			if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(fmt.Sprint(i))}); err != nil {
				return fmt.Errorf("produce with %s: %w", codec, err)
			}
		}
		consumer, err := sarama.NewConsumer([]string{addr}, config)
		if err != nil {
			return err
		}
		defer consumer.Close()
		partition, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		for i := range records {
			select {
			case m := <-partition.Messages():
				if string(m.Value) != fmt.Sprint(i) || m.Offset != int64(i) {
					return fmt.Errorf("record %d is %q at offset %d", i, m.Value, m.Offset)
				}
			case <-time.After(patience):
				return fmt.Errorf("record %d of %s did not come", i, codec)
			}
		}
	}
	return nil
}

type noHandler struct{}

func (noHandler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (noHandler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (noHandler) ConsumeClaim(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error {
	return nil
}

func groupOfSarama(addr string) error {
	group, err := sarama.NewConsumerGroup([]string{addr}, "g", saramaConfig())
	if err != nil {
		return err
	}
	defer group.Close()
	return toldAtOnce(func(ctx context.Context) error { return group.Consume(ctx, []string{"sarama-group"}, noHandler{}) }, sarama.ErrGroupAuthorizationFailed, 20*time.Second) // it asks four times more, whatever the error
}

func byKafkaGo(addr string) error {
	client := &kafka.Client{Addr: kafka.TCP(addr), Timeout: patience}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	created, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: "kafka-go", NumPartitions: 1, ReplicationFactor: 1}}})
	if err != nil || created.Errors["kafka-go"] != nil {
		return errors.Join(err, created.Errors["kafka-go"])
	}
	for _, codec := range []kafka.Compression{0, kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd} {
		writer := &kafka.Writer{Addr: kafka.TCP(addr), Topic: "kafka-go", RequiredAcks: kafka.RequireAll, Compression: codec, BatchTimeout: time.Millisecond}
		for i := range records {
			if err := writer.WriteMessages(ctx, kafka.Message{Value: fmt.Append(nil, i)}); err != nil {
				return fmt.Errorf("produce with codec %d: %w", codec, err)
			}
		}
		writer.Close()
	}
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{addr}, Topic: "kafka-go", Partition: 0})
	defer reader.Close()
	for i := range 5 * records {
		m, err := reader.ReadMessage(ctx)
		if err != nil || string(m.Value) != fmt.Sprint(i%records) {
			return fmt.Errorf("record %d is %q: %w", i, m.Value, err)
		}
	}
	return nil
}

func groupOfKafkaGo(addr string) error {
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{ID: "g", Brokers: []string{addr}, Topics: []string{"kafka-go-group"}})
	if err != nil {
		return err
	}
	defer group.Close()
	return toldAtOnce(func(ctx context.Context) error {
		_, err := group.Next(ctx)
		return err
	}, kafka.GroupAuthorizationFailed, 2*time.Second)
}

// toldAtOnce wants an error in time that says what is wrong.
func toldAtOnce(do func(ctx context.Context) error, wanted error, most time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*most)
	defer cancel()
	began := time.Now()
	err := do(ctx)
	if took := time.Since(began); !errors.Is(err, wanted) || took > most {
		return fmt.Errorf("after %v: %w, want %v", took, err, wanted)
	}
	return nil
}
