"""Connectors of its own: messages are files. What the consumer is told is written to the file `told`."""

from pathlib import Path
from typing import Any, Optional

from pydantic import BaseModel

from volley import Engine
from volley.connectors.base import BaseConsumer, BaseProducer
from volley.data_models import QueueMessage


class FolderConsumer(BaseConsumer):
    seen = 0

    def consume(self) -> Optional[QueueMessage]:
        path = Path(self.queue_name) / str(self.seen)
        if not path.exists():
            return None
        self.seen += 1
        return QueueMessage(message_context={"file": path.name}, message=path.read_bytes())

    def on_success(self, message_context: Any) -> None:
        self.tell("done", message_context)

    def on_fail(self, message_context: Any) -> None:
        self.tell("failed", message_context)

    def tell(self, what: str, message_context: Any) -> None:
        with open("told", "a") as file:
            file.write(f"{what} {message_context['file']}\n")

    def shutdown(self) -> None:
        Path("shut").write_text("shut down")


class FolderProducer(BaseProducer):
    def produce(self, queue_name: str, message: Any, message_context: Any, **kwargs: Any) -> bool:
        Path(queue_name).mkdir(exist_ok=True)
        (Path(queue_name) / (message_context["file"] + kwargs.get("ending", ""))).write_bytes(message)
        return True

    def shutdown(self) -> None:
        pass


class Number(BaseModel):
    n: int
    ok: bool = True


json = {"serializer": "volley.serializers.OrJsonSerialization", "model_handler": "volley.models.PydanticModelHandler",
        "data_model": Number}
nothing = {"serializer": "None", "model_handler": "None", "data_model": "None"}
classes = {"consumer": FolderConsumer, "producer": FolderProducer}
engine = Engine(input_queue="in", output_queues=["out"], dead_letter_queue="dead", metrics_port=None, poll_interval_seconds=0.05,
                queue_config={"in": {"value": "in", **classes, **json}, "out": {"value": "out", **classes, **json},
                              "dead": {"value": "out", **classes, **nothing}})


@engine.stream_app
def handle(number: Number, msg_ctx: Any):
    if not number.ok:
        return False
    return [("out", number, {"ending": f".of-{msg_ctx['file']}"})]


if __name__ == "__main__":
    handle()
