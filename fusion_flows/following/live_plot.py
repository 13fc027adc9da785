"""The picture of a run or sweep in progress: drawn seldom, in a thread, so that nothing waits for it."""

import threading
import time
from collections.abc import Callable

from fusion_flows.pictures.schemes import for_both_schemes
from fusion_flows.report.markdown import image_of

FIRST_SECONDS = 15.0
"""From the start to the first picture."""

LEAST_SECONDS = 30.0
"""Between two pictures."""

SHARE = 0.03
"""Of the time of a core, at most; a picture of many points takes seconds."""

_SECONDS_PER_POINT = 2.5e-3  # before the first picture tells; measured
_MOST_BYTES = 140_000  # in markdown it is a third larger
_FORMS = (("svg", 160), ("png", 110), ("png", 70))
"""With their dots per inch; the next where a picture is too large."""


class LivePlot:
    """Draws again and again, and says when there is a new picture."""

    def __init__(
        self,
        draw: Callable[[str, int], bytes],
        points: int,
        told: str = "what there is by now, over load",
    ) -> None:
        """draw: returns a picture, or nothing; called in a thread with svg or png and dots per inch.

        points: that the picture may have. told: what it shows, for somebody who does not see it.
        """
        self.error: Exception | None = None
        """Why nothing is drawn any more."""
        self._draw = draw
        self._told = told
        self._thread: threading.Thread | None = None
        self._picture = b""
        self._was_shown = False
        self._cost = 0.0
        expected = points * _SECONDS_PER_POINT
        self._next = time.monotonic() + max(FIRST_SECONDS, expected / SHARE)

    def look(self, *, last: bool = False) -> str:
        """Return a new picture as markdown, if there is one, and begin the next when its time has come.

        last: wait for what is being drawn, and draw anew what has been shown.
        """
        if self._thread is not None:
            if last:
                self._thread.join()
            if self._thread.is_alive():
                return ""
            self._thread = None
            self._next = time.monotonic() + max(LEAST_SECONDS, self._cost / SHARE)
        elif not last and self.error is None and time.monotonic() >= self._next:
            # A daemon: a process that is told to end does not wait for a picture.
            thread = threading.Thread(target=self._work, name="live plot", daemon=True)
            try:
                thread.start()
                self._thread = thread
            except RuntimeError as error:  # there are too many
                self.error = error
        if last and self._was_shown and self.error is None:
            self._work()
        picture, self._picture = self._picture, b""
        if not picture:
            return ""
        self._was_shown = True
        return image_of(picture, self._told)

    def stop(self, error: Exception) -> None:
        """Draw no more."""
        self.error = error

    def _work(self) -> None:
        began = time.thread_time()
        try:
            for form, dots_per_inch in _FORMS:
                picture = self._draw(form, dots_per_inch)
                if picture and form == "svg":
                    picture = for_both_schemes(picture.decode()).encode()
                if len(picture) <= _MOST_BYTES:
                    self._picture = picture
                    break
        except Exception as error:  # results are worth more than their picture
            self.error = error
        self._cost = time.thread_time() - began
