// KafkaJS: produce, and a group that must be told at once. It has no consumers but groups.
const { Kafka, logLevel } = require('kafkajs')

const PATIENCE = 60000 // ms
const topic = `kafkajs-${Date.now()}`
const kafka = new Kafka({ brokers: [process.argv[2]], logLevel: logLevel.NOTHING })

async function main() {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: '0' }, { value: '1', timestamp: '1700000000000' }] })
  const [{ high }] = await admin.fetchTopicOffsets(topic)
  if (high !== '2') throw new Error(`the log ends at ${high}, 2 records were produced`)
  console.log('KafkaJS: 2 records there')
  await producer.disconnect()
  await admin.disconnect()

  const consumer = kafka.consumer({ groupId: 'g' })
  const began = Date.now()
  const crashed = new Promise((resolve) => consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error)))
  await consumer.connect()
  await consumer.subscribe({ topics: [topic] })
  const failed = consumer.run({ eachMessage: async () => {} }).then(() => crashed, (error) => error)
  const waits = new Promise((resolve) => setTimeout(() => resolve(new Error('waits')), PATIENCE).unref())
  const error = await Promise.race([failed, waits])
  if (!/authoriz|group coordinator/i.test(String(error))) throw error
  console.log(`KafkaJS, group: told in ${(Date.now() - began) / 1000} s: ${error}`)
  process.exit(0)
}

main().catch((error) => {
  console.error(`KafkaJS: ${error}`)
  process.exit(1)
})
