from volley.models.pydantic_model import (
    ComponentMessage,
    GenericMessage,
    PydanticListParser,
    PydanticModelHandler,
    PydanticParserModelHandler,
)

__all__ = ["ComponentMessage", "GenericMessage", "PydanticListParser", "PydanticModelHandler", "PydanticParserModelHandler"]
