"""Users and groups. Users are disabled, never removed: what they did stays theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hosts import validation
from hosts.api.collection import Collection
from hosts.api.fields import Flag, Instant, NumberedSerializer, RowNumber, Text, checked
from hosts.authentication import Administrator
from hosts.inventory import remove, store
from hosts.rest import FlagFilter, IdFilter, StrictFilterSet, TextFilter

# What SQLite and PostgreSQL can hold as a key, in ASCII digits.
_NUMBER = "[1-9][0-9]{0,8}"


class UserSerializer(serializers.ModelSerializer[User]):
    name = Text(source="username", max_length=150)
    full_name = Text(source="get_full_name", max_length=150, allow_blank=True, required=False)
    email = serializers.EmailField(max_length=254, allow_blank=True, required=False)
    is_active = Flag(required=False, help_text="False: cannot sign in, and every session has ended.")
    is_admin = Flag(source="is_staff", required=False)
    groups = NumberedSerializer(many=True, read_only=True)
    group_ids = serializers.ListField(
        child=RowNumber(Group.objects.all()), source="groups", max_length=100, write_only=True, required=False
    )
    password = Text(max_length=1024, write_only=True, required=False, trim_whitespace=False)
    last_sign_in = Instant(source="last_login", read_only=True, allow_null=True)
    created_at = Instant(source="date_joined", read_only=True)

    class Meta:
        model = User
        fields = [
            "id",
            "name",
            "full_name",
            "email",
            "is_active",
            "is_admin",
            "groups",
            "group_ids",
            "password",
            "last_sign_in",
            "created_at",
        ]

    def validate_name(self, value: str) -> str:
        return checked(validation.clean_username, value, self.instance)

    def validate_full_name(self, value: str) -> str:
        return checked(validation.clean_line, value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None and "password" not in attrs:
            raise serializers.ValidationError({"password": [_("Give a first password.")]})
        login = self.context["login"]
        if self.instance == login.user and not (attrs.get("is_active", True) and attrs.get("is_staff", True)):
            raise serializers.ValidationError(_("Nobody can disable or demote themselves; ask another administrator."))
        if "password" in attrs:
            user = self.instance or User(username=attrs["username"], email=attrs.get("email", ""))
            try:
                checked(validate_password, attrs["password"], user)
            except serializers.ValidationError as error:
                raise serializers.ValidationError({"password": error.detail}) from None
        return attrs

    def create(self, validated_data: Mapping[str, Any]) -> User:
        return self.update(User(), validated_data)

    def update(self, instance: User, validated_data: Mapping[str, Any]) -> User:
        facts = dict(validated_data)
        related = {"groups": facts.pop("groups")} if "groups" in facts else {}
        if "get_full_name" in facts:
            instance.first_name, instance.last_name = facts.pop("get_full_name"), ""
        if "is_staff" in facts:
            instance.is_superuser = facts["is_staff"]
        password = facts.pop("password", None)
        if password is not None:
            instance.set_password(password)
        for name, value in facts.items():
            setattr(instance, name, value)
        replaced = ["password"] if password is not None else []
        store(instance, actor=self.context["login"], related=related, replaced=replaced)
        return instance


class UserFilters(StrictFilterSet):
    q = TextFilter(method="search", help_text="Part of the name, the full name or the e-mail address.")
    group = IdFilter(method="in_group")
    is_active = FlagFilter(field_name="is_active")
    is_admin = FlagFilter(field_name="is_staff")

    def search(self, users: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        del name
        full_name = Q(first_name__icontains=value) | Q(last_name__icontains=value)
        return users.filter(Q(username__icontains=value) | full_name | Q(email__icontains=value))

    def in_group(self, users: QuerySet[User], name: str, value: int) -> QuerySet[User]:
        del name
        return users.filter(pk__in=User.objects.filter(groups=value).values("pk"))


class Users(Collection):
    """People, for administrators."""

    queryset = User.objects.none()
    serializer_class = UserSerializer
    filterset_class = UserFilters
    permission_classes = [Administrator]
    http_method_names = ["get", "post", "patch", "head"]
    lookup_value_regex = _NUMBER
    stream_name = "users"

    def get_queryset(self) -> QuerySet[User]:
        return User.objects.prefetch_related("groups").order_by("username")


class GroupSerializer(serializers.ModelSerializer[Group]):
    name = Text(max_length=100)
    user_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Group
        fields = ["id", "name", "user_count"]

    def validate_name(self, value: str) -> str:
        return checked(validation.clean_name, value, self.instance, Group)

    def create(self, validated_data: Mapping[str, Any]) -> Group:
        return self.update(Group(), validated_data)

    def update(self, instance: Group, validated_data: Mapping[str, Any]) -> Group:
        instance.name = validated_data.get("name", instance.name)
        store(instance, actor=self.context["login"])
        return instance


class GroupFilters(StrictFilterSet):
    q = TextFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")


class Groups(Collection):
    """Groups of people, for administrators."""

    queryset = Group.objects.none()
    serializer_class = GroupSerializer
    filterset_class = GroupFilters
    permission_classes = [Administrator]
    lookup_value_regex = _NUMBER
    stream_name = "groups"

    def get_queryset(self) -> QuerySet[Group]:
        return Group.objects.annotate(user_count=Count("user")).order_by("name")

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del request, args, kwargs
        remove(self.get_object(), actor=self.login)
        return Response(status=204)
