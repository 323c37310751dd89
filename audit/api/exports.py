"""That a whole list left as a file is itself worth a line in the ledger."""

from __future__ import annotations

from rest_framework.request import Request

from audit import ledger
from hosts.authentication import login_of


def note_export(request: Request, name: str, wanted: str) -> None:
    """Note that all rows of the list `name` with the filters of `request` are about to be sent as `wanted`."""
    filters = {key: value for key, value in request.query_params.items() if key != "format"}
    ledger.record(
        ledger.Action.AUDIT_EXPORTED,
        login=login_of(request),
        object_type="list",
        object_id=name,
        object_name=name,
        detail={"format": wanted, "filters": filters},
    )
