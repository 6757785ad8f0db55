"""docs/pictures/mail.png: the sample message as a mail program shows it. `python -m docs.writing.mail` takes it,
where a Chromium is installed."""

from __future__ import annotations

import shutil
from html import escape
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from schemas.kinds import Kind
from service.config import ShopSettings
from service.message import Renderer, ShopFacts
from service.message.samples import sample_request

PICTURE: Final = Path(__file__).resolve().parents[1] / "pictures" / "mail.png"
SHOP: Final = ShopSettings(
    name="Café Anna", address="1 Market Street, Springfield", url="https://cafe.example/order", locale="en"
)
FRAME: Final = """<!doctype html><meta charset="utf-8"><style>
 body {{ margin: 0; padding: 14px; background: #dfe3e8; font: 14px sans-serif; color: #222 }}
 main {{ background: #fff; border-radius: 8px; overflow: hidden; box-shadow: 0 1px 5px #0003 }}
 header {{ padding: 14px 20px; border-bottom: 1px solid #ddd; line-height: 1.6 }}
 iframe {{ border: 0; width: 100%; height: {height}px; display: block }}
</style><main><header><b>{subject}</b><br>{sender}</header><iframe srcdoc="{page}"></iframe></main>"""


def framed(height: int = 100) -> str:
    """The page that is photographed."""
    facts = ShopFacts.of(SHOP)
    data = sample_request(Kind.WIN_BACK, "incentive", "en", shop=facts) | {"sample": False}
    message = Renderer(facts, None).render(data, "https://cafe.example/news/unsubscribe?token=x")
    return FRAME.format(
        subject=escape(message.subject),
        sender=escape(f"{SHOP.name} <hello@cafe.example>"),
        page=escape(message.html),
        height=height,
    )


def take() -> None:
    """Writes the picture."""
    program = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 620, "height": 400})
        view.set_content(framed())
        height = view.frames[1].evaluate("document.documentElement.scrollHeight")
        view.set_content(framed(height))
        PICTURE.parent.mkdir(exist_ok=True)
        view.locator("body").screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    take()
