"""Three brokers that keep three copies, for what one cannot show: leaders and coordinators that move."""

import subprocess
from pathlib import Path

from .servers import ROOT, Server, free_port, wait_until


class Node(Server):
    def __init__(self, folder: Path, number: int, voters, cluster: str):
        folder.mkdir()
        super().__init__(folder)
        self.number, self.controller = number, voters[number]
        quorum = ",".join(f"{n}@127.0.0.1:{port}" for n, port in voters.items())
        self.properties = folder / "server.properties"
        self.properties.write_text(
            f"process.roles=broker,controller\nnode.id={number}\ncontroller.quorum.voters={quorum}\n"
            "controller.listener.names=CONTROLLER\nlistener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller}\n"
            f"log.dirs={folder / 'data'}\noffsets.topic.replication.factor=3\noffsets.topic.num.partitions=4\nmin.insync.replicas=2\n"
            "transaction.state.log.replication.factor=3\ntransaction.state.log.min.isr=2\ngroup.initial.rebalance.delay.ms=0\n"
            "auto.create.topics.enable=false\nbroker.session.timeout.ms=6000\n")
        self.java = ["java", "-Xmx384m", "-Xms64m", "-cp", f"{ROOT / 'build' / 'kafka' / 'jars'}/*"]
        subprocess.run([*self.java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self.properties)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self):
        self.spawn([*self.java, "kafka.Kafka", str(self.properties)])
        return self


class KafkaCluster:
    """Offers what a store (stores.Kafka) asks of a server."""

    def __init__(self, folder: Path):
        voters = {number: free_port() for number in (1, 2, 3)}
        self.nodes = {number: Node(folder / str(number), number, voters, "9Zt1n2aWQ2mJx8kUe3Vv0g") for number in voters}

    def start(self):
        from confluent_kafka.admin import AdminClient

        for node in self.nodes.values():
            node.start()
        for node in self.nodes.values():
            node.wait_for_port()
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        wait_until(lambda: len(self.metadata().brokers) == 3, "three brokers are in the cluster")
        return self

    def stop(self):
        for node in self.nodes.values():
            node.stop()

    def metadata(self, topic=None):
        return self.admin.list_topics(topic, timeout=20)

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes.values())

    def topic(self, prefix: str, partitions: int = 1) -> str:
        from confluent_kafka.admin import NewTopic

        for future in self.admin.create_topics([NewTopic(prefix, partitions, 3)]).values():
            future.result(timeout=30)
        wait_until(lambda: self.leaders(prefix, partitions), f"topic {prefix} has leaders")
        return prefix

    def leaders(self, topic: str, partitions: int):
        """The leader of each partition, or nothing as long as one has none."""
        known = self.metadata(topic).topics[topic].partitions
        of = [known[p].leader for p in range(partitions) if p in known]
        return of if len(of) == partitions and min(of) > 0 else None
