"""The servers of the other tests, by themselves: a failure here is not Volley's."""


def test_redis_keeps_what_it_is_given(redis_server):
    import redis

    client = redis.Redis(port=redis_server.port)
    client.set("volley", "1")
    assert client.get("volley") == b"1"


def test_postgres_answers(postgres_server):
    assert postgres_server.sql("SELECT 6 * 7").strip() == "42"


def test_kafka_gives_back_what_it_took(kafka_server):
    from confluent_kafka import Consumer, Producer

    topic = kafka_server.topic("self")
    producer = Producer({"bootstrap.servers": kafka_server.bootstrap})
    producer.produce(topic, b"hello")
    assert producer.flush(30) == 0
    consumer = Consumer({"bootstrap.servers": kafka_server.bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None and message.value() == b"hello"
