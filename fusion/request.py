"""What a policy of the user's may import: questions about a request. See docs/policies.md.

In a policy's file the same functions run compiled in the event loop and in plain Python in a debugger.
"""

from __future__ import annotations

from fusion.kernel.request import (
    BLOCKED,
    Request,
    band,
    best_fit,
    capacity_loss,
    congestion,
    core,
    first_fit,
    fragmentation,
    free_slots,
    gsnr_db,
    hops,
    is_free,
    largest_block,
    last_fit,
    length_km,
    link_free_slots,
    link_is_free,
    link_largest_block,
    meets_quality,
    next_block,
    slots,
    width,
)

__all__ = [
    "BLOCKED",
    "Request",
    "band",
    "best_fit",
    "capacity_loss",
    "congestion",
    "core",
    "first_fit",
    "fragmentation",
    "free_slots",
    "gsnr_db",
    "hops",
    "is_free",
    "largest_block",
    "last_fit",
    "length_km",
    "link_free_slots",
    "link_is_free",
    "link_largest_block",
    "meets_quality",
    "next_block",
    "slots",
    "width",
]
