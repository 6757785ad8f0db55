"""One message as it goes out: subject, text and HTML, from templates by kind, rung and locale."""

from service.message.message import Message as Message
from service.message.message import ShopFacts as ShopFacts
from service.message.renderer import Renderer as Renderer
from service.message.renderer import TemplateError as TemplateError
