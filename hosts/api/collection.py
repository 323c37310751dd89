"""What the views of the inventory share: how changes go through hosts.inventory, and what its refusals become."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.db.models import Model
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from hosts.authentication import AdministratorOrReadOnly, login_of
from hosts.inventory import InventoryConflict
from hosts.logins import Login
from hosts.rest import Conflict, StreamedListMixin


class InventoryView(GenericAPIView[Any]):
    """A view whose serializers find the login in `context["login"]`; InventoryConflict becomes 409."""

    @property
    def login(self) -> Login:
        return login_of(self.request)

    def get_serializer_context(self) -> dict[str, Any]:
        login: object = self.request.auth if self.request else None
        return {**super().get_serializer_context(), "login": login}

    def handle_exception(self, exc: Exception) -> Any:
        return super().handle_exception(Conflict(str(exc)) if isinstance(exc, InventoryConflict) else exc)


class Collection(StreamedListMixin, InventoryView, GenericViewSet[Any]):
    """A list that everybody may read, as far as `get_queryset` lets them, and administrators may change."""

    permission_classes = [AdministratorOrReadOnly]
    http_method_names = ["get", "post", "patch", "delete", "head"]
    lookup_value_converter = "uuid"

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del request, args, kwargs
        return self.answer(self.get_object())

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del args, kwargs
        return self._save(self.get_serializer(data=request.data), HTTPStatus.CREATED)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del args, kwargs
        return self._save(self.get_serializer(self.get_object(), data=request.data, partial=True), HTTPStatus.OK)

    def answer(self, row: Model, status: int = HTTPStatus.OK) -> Response:
        """Return the row as it would stand in the list."""
        return Response(self.serialize_rows([row])[0], status=status)

    def _save(self, serializer: BaseSerializer[Any], status: int) -> Response:
        serializer.is_valid(raise_exception=True)
        row = serializer.save()
        # Read again, so that what is answered is what was stored.
        return self.answer(self.get_queryset().get(pk=row.pk), status)
