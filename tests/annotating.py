"""The Annotator's hands and eyes in a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Annotating:
    """The one Annotator that the page shows. Places are CSS pixels from the canvas's top left corner."""

    page: Any

    @property
    def canvas(self) -> Any:
        return self.page.locator(".evalnb-stage-host")

    def wait(self) -> Annotating:
        """Until an image is shown and all is saved."""
        self.page.locator(".evalnb-save[data-state=saved]").wait_for(timeout=30_000)
        self.page.locator(".evalnb-percent").wait_for()
        self.page.wait_for_function("() => !document.querySelector('.evalnb-loading')")
        self.canvas.scroll_into_view_if_needed()
        # The image is fitted anew where a row came below it.
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self

    def saved(self) -> None:
        """Until the widget says that everything is saved."""
        self.page.locator(".evalnb-save[data-state=saved]").wait_for(timeout=30_000)

    def state(self) -> str:
        """saved, saving, offline, conflict or gone."""
        return self.page.locator(".evalnb-save").get_attribute("data-state")

    def shapes(self, count: int) -> None:
        """Until the list has that many shapes."""
        self.page.wait_for_function(
            "count => document.querySelectorAll('.evalnb-annotator [data-shape]').length === count",
            arg=count,
            timeout=20_000,
        )

    def hint(self, text: str) -> None:
        """Until the line below the canvas says so."""
        self.page.locator(".evalnb-hint", has_text=text).wait_for()

    def zoom(self) -> float:
        """Screen pixels for an image pixel."""
        return float(self.page.locator(".evalnb-percent").inner_text().strip().rstrip("%")) / 100

    def at(self, x: float, y: float, width: int = 512, height: int = 384) -> tuple[float, float]:
        """Where an image pixel is on the canvas, while the image is fitted."""
        box = self.canvas.bounding_box()
        zoom = self.zoom()
        return (box["width"] - width * zoom) / 2 + x * zoom, (box["height"] - height * zoom) / 2 + y * zoom

    def draw(self, x: float, y: float, w: float, h: float) -> None:
        """A new box, in image pixels."""
        self.tool("box")
        self.drag(*self.at(x, y), *self.at(x + w, y + h))

    def press(self, key: str) -> None:
        """A key, with the widget in focus."""
        self.page.locator(".evalnb-annotator").focus()
        self.page.keyboard.press(key)

    def tool(self, name: str) -> None:
        """Take up a tool by its button."""
        self.page.locator(f".evalnb-tool[data-tool={name}]").click()

    def click(self, x: float, y: float) -> None:
        """A left click on the canvas."""
        box = self.canvas.bounding_box()
        self.page.mouse.click(box["x"] + x, box["y"] + y)

    def drag(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Press, move, release."""
        box = self.canvas.bounding_box()
        self.page.mouse.move(box["x"] + x0, box["y"] + y0)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + (x0 + x1) / 2, box["y"] + (y0 + y1) / 2)
        self.page.mouse.move(box["x"] + x1, box["y"] + y1)
        self.page.mouse.up()
