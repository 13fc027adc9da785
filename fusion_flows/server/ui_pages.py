"""Addresses of pages of Prefect's UI."""

from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, get_current_settings


def page(path: str) -> str:
    """Return the address of a page, such as /runs/flow-run/ID; empty without a server that has a UI.

    Prefect's servers have two versions of the UI. Without /v2 an address is a page of the older one, also
    where the server opens the newer one by itself.
    """
    api, ui = PREFECT_API_URL.value(), PREFECT_UI_URL.value()
    if not (api and ui):
        return ""
    is_of_a_server = api == f"{ui}/api"  # and not of Prefect Cloud, which has one version
    newer = "/v2" if is_of_a_server and get_current_settings().server.ui.v2_enabled else ""
    return f"{ui}{newer}{path}"
