"""The inventory in Django admin: the same rules and the same announcements as in the REST API.

Nothing is deleted here: hosts are retired, grants revoked, users disabled. Sessions, recordings and the ledger are
not in it at all.
"""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts import validation
from hosts.access import Action
from hosts.credentials import CredentialError, store_secret
from hosts.destinations import validate_address
from hosts.inventory import Row, announce_stored, retire, revoke_grant, stored_facts
from hosts.logins import login_of_request
from hosts.models import Credential, Grant, Host, HostGroup, HostKey

# django-stubs has generic classes where Django, at run time, has plain ones; settings do not patch them.
_ModelAdmin = admin.ModelAdmin
_ModelForm = forms.ModelForm


class AnnouncedAdmin(_ModelAdmin):  # type: ignore[type-arg]
    """Announces each saved change exactly once, when related rows are saved too. Deletes nothing."""

    actions: Any = None

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        form.facts_before = stored_facts(obj) if change else {}
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        row: Row = form.instance
        replaced = getattr(form, "replaced", ())
        announce_stored(row, form.facts_before, actor=login_of_request(request), replaced=replaced)


class HostForm(_ModelForm):  # type: ignore[type-arg]
    def clean_name(self) -> str:
        return validation.clean_name(self.cleaned_data["name"], self.instance, Host)

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        if not (self.instance.is_demo and "address" not in self.changed_data):
            validate_address(address)
        return address

    def clean_labels(self) -> dict[str, str]:
        return validation.clean_labels(self.cleaned_data["labels"] or {})

    def clean_notes(self) -> str:
        return validation.clean_text(self.cleaned_data["notes"])

    def clean_encoding(self) -> str:
        return validation.clean_encoding(self.cleaned_data["encoding"])


class HostKeyInline(admin.TabularInline):  # type: ignore[type-arg]
    """Only shows: pinning a key asks for a comparison, which the administration pages lead through."""

    model = HostKey
    extra = 0
    fields = ("algorithm", "fingerprint", "source", "pinned_at", "pinned_by_name")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False


@admin.register(Host)
class HostAdmin(AnnouncedAdmin):
    form = HostForm
    actions = ["retire_hosts"]
    inlines = [HostKeyInline]
    list_display = ["name", "address", "port", "enabled", "credential"]
    list_filter = ["enabled", "groups"]
    search_fields = ["name", "address"]
    filter_horizontal = ["groups"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Host]:
        rows: QuerySet[Host] = super().get_queryset(request)
        return rows.filter(retired_at__isnull=True).select_related("credential")

    @admin.action(description=gettext_lazy("Retire the selected hosts"), permissions=["change"])
    def retire_hosts(self, request: HttpRequest, queryset: QuerySet[Host]) -> None:
        for host in queryset:
            retire(host, actor=login_of_request(request))


class HostGroupForm(_ModelForm):  # type: ignore[type-arg]
    def clean_name(self) -> str:
        return validation.clean_name(self.cleaned_data["name"], self.instance, HostGroup)


@admin.register(HostGroup)
class HostGroupAdmin(AnnouncedAdmin):
    form = HostGroupForm
    list_display = ["name", "notes"]
    search_fields = ["name"]


class CredentialForm(_ModelForm):  # type: ignore[type-arg]
    secret = forms.CharField(
        label=gettext_lazy("Password or private key"),
        required=False,
        strip=False,
        max_length=32_768,
        widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Never shown again. Empty: the stored one stays."),
    )
    passphrase = forms.CharField(
        label=gettext_lazy("Passphrase"),
        required=False,
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Of a private key; used once, to read it."),
    )

    def clean_name(self) -> str:
        return validation.clean_name(self.cleaned_data["name"], self.instance, Credential)

    def clean_username(self) -> str:
        return validation.clean_account(self.cleaned_data["username"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        secret, passphrase = cleaned.get("secret", ""), cleaned.get("passphrase", "")
        # A rejected secret must not stand in the page that is shown again.
        self.data = {**self.data.dict(), "secret": "", "passphrase": ""} if hasattr(self.data, "dict") else self.data
        is_new, kind = self.instance._state.adding, cleaned.get("kind")  # noqa: SLF001 - as Model.save does
        if not secret:
            if is_new or passphrase or kind != self.instance.kind or "kind" in self.changed_data:
                self.add_error("secret", _("Give the password or the private key."))
            return cleaned
        self.replaced = ["secret"]
        probe = Credential(pk=self.instance.pk, kind=kind or "")
        try:
            store_secret(probe, secret.strip("\r\n") if kind == Credential.Kind.PASSWORD else secret, passphrase)
        except CredentialError as error:
            self.add_error(error.field, str(error))
        else:
            self.instance.sealed_secret, self.instance.fingerprint = probe.sealed_secret, probe.fingerprint
        return cleaned


@admin.register(Credential)
class CredentialAdmin(AnnouncedAdmin):
    form = CredentialForm
    fields = ["name", "username", "kind", "secret", "passphrase", "fingerprint"]
    readonly_fields = ["fingerprint"]
    list_display = ["name", "username", "kind", "fingerprint", "updated_at"]
    search_fields = ["name", "username"]


class GrantForm(_ModelForm):  # type: ignore[type-arg]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "valid_from" in self.fields:
            self.fields["valid_from"].initial = timezone.now
        if "host" in self.fields:
            self.fields["host"].queryset = Host.objects.filter(retired_at__isnull=True)  # type: ignore[attr-defined]

    def clean_reason(self) -> str:
        return validation.clean_line(self.cleaned_data["reason"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for one, other in (("user", "group"), ("host", "host_group")):
            if bool(cleaned.get(one)) == bool(cleaned.get(other)):
                self.add_error(one, _("Choose one of the two."))
        if not any(cleaned.get(action.value) for action in Action):
            self.add_error("connect", _("Choose at least one action."))
        start, end = cleaned.get("valid_from"), cleaned.get("valid_until")
        if start and end and end <= start:
            self.add_error("valid_until", _("Expected a time after the beginning."))
        return cleaned


@admin.register(Grant)
class GrantAdmin(AnnouncedAdmin):
    """Grants are given and revoked, never changed: what one allowed at a moment must stay readable."""

    form = GrantForm
    actions = ["revoke_grants"]
    list_display = ["__str__", *(action.value for action in Action), "valid_from", "valid_until", "revoked_at"]
    list_select_related = ["user", "group", "host", "host_group"]
    list_filter = ["host_group", "group"]
    search_fields = ["user__username", "group__name", "host__name", "host_group__name"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # Without an object this is asked for the list's actions.
        return obj is None and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.granted_by_name = login_of_request(request).user.get_username()
        super().save_model(request, obj, form, change)

    @admin.action(description=gettext_lazy("Revoke the selected grants"), permissions=["change"])
    def revoke_grants(self, request: HttpRequest, queryset: QuerySet[Grant]) -> None:
        for grant in queryset:
            revoke_grant(grant, actor=login_of_request(request))


class PersonForm(UserChangeForm):  # type: ignore[type-arg]
    # Set by the admin for each request.
    acting: User | None = None

    def clean_username(self) -> str:
        return validation.clean_username(self.cleaned_data["username"], self.instance)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        keeps_power = all(cleaned.get(name) for name in ("is_active", "is_staff", "is_superuser"))
        if self.instance == self.acting and not keeps_power:
            raise forms.ValidationError(_("Nobody can disable or demote themselves; ask another administrator."))
        return cleaned


class NewPersonForm(AdminUserCreationForm):  # type: ignore[type-arg]
    replaced = ("password",)

    def clean_username(self) -> str:
        return validation.clean_username(super().clean_username(), None)


class PersonAdmin(AnnouncedAdmin, UserAdmin):  # type: ignore[type-arg]
    form = PersonForm
    add_form = NewPersonForm
    list_display = ["username", "first_name", "last_name", "email", "is_active", "is_staff", "last_login"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (gettext_lazy("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (gettext_lazy("Access"), {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]
    filter_horizontal = ["groups"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"acting": request.user})

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        with transaction.atomic():
            user = self.get_object(request, unquote(id))
            before = user.password if user else ""
            response: HttpResponse = super().user_change_password(request, id, form_url)
            if user is not None:
                facts = stored_facts(user)
                user.refresh_from_db()
                if user.password != before:
                    announce_stored(user, facts, actor=login_of_request(request), replaced=["password"])
        return response


class GroupForm(_ModelForm):  # type: ignore[type-arg]
    def clean_name(self) -> str:
        return validation.clean_name(self.cleaned_data["name"], self.instance, Group)


class GroupAdmin(AnnouncedAdmin):
    form = GroupForm
    fields = ["name"]
    search_fields = ["name"]


# Django's own would change people, and allauth's would change their addresses, without a line in the ledger.
for _model in (User, Group, EmailAddress):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
admin.site.register(User, PersonAdmin)
admin.site.register(Group, GroupAdmin)
# The admin's own sign-in page knows no rate limits.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
