import { Checkbox, Menu, MultiSelect, PasswordInput, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Group as PeopleGroup, User } from "@/api/types";
import { useText } from "@/i18n/text";
import { type Column, RowName } from "@/shell/DataTable";
import { StateBadge } from "@/shell/StateBadge";
import { TimeText } from "@/shell/TimeText";
import { useUrlState } from "@/url";
import { FormDrawer } from "./FormDrawer";
import { useChoices, useRemove, useSave } from "./requests";
import { RowMenu, SectionList } from "./SectionList";

export function UsersSection() {
  const t = useText();
  const [{ q }, setState] = useUrlState({ q: "" });
  const [edited, setEdited] = useState<User | "new">();
  const columns: Column<User>[] = [
    {
      key: "name",
      header: t("User name"),
      narrow: "first",
      render: (user) => <RowName onClick={() => setEdited(user)}>{user.name}</RowName>,
    },
    { key: "full", header: t("Full name"), narrow: "second", render: (user) => user.full_name },
    {
      key: "groups",
      header: t("Groups"),
      from: "sm",
      render: (user) => user.groups.map((group) => group.name).join(" · "),
    },
    {
      key: "role",
      header: t("Role"),
      from: "sm",
      width: 130,
      render: (user) => (user.is_admin ? t("Administrator") : ""),
    },
    {
      key: "last",
      header: t("Last sign-in"),
      from: "md",
      render: (user) => (user.last_sign_in ? <TimeText at={user.last_sign_in} relative /> : t("Never")),
    },
    {
      key: "state",
      header: t("State"),
      width: 120,
      narrow: "end",
      render: (user) => (user.is_active ? t("Active") : <StateBadge kind="warning" word={t("Disabled")} />),
    },
    { key: "menu", header: "", width: 50, align: "right", narrow: "end", render: (user) => <UserMenu user={user} /> },
  ];
  return (
    <>
      <SectionList
        path="users/"
        label={t("Users")}
        newLabel={t("New user")}
        emptyTitle={t("No user yet.")}
        emptyHint={t("Add the people who work on hosts, and those who audit.")}
        placeholder={t("Name or e-mail")}
        q={q}
        setQ={(value) => setState({ q: value }, { replace: true })}
        columns={columns}
        open={setEdited}
        create={() => setEdited("new")}
      />
      {edited && <UserForm user={edited === "new" ? undefined : edited} close={() => setEdited(undefined)} />}
    </>
  );
}

function UserMenu({ user }: { user: User }) {
  const t = useText();
  const remove = useRemove();
  return (
    <RowMenu name={user.name}>
      <Menu.Item component={Link} to="/sessions" search={{ user: user.name } as never}>
        {t("Show sessions")}
      </Menu.Item>
      <Menu.Item component={Link} to="/admin/grants" search={{ user: String(user.id) } as never}>
        {t("Show grants")}
      </Menu.Item>
      <Menu.Item component={Link} to="/audit" search={{ actor: user.name } as never}>
        {t("Show in the audit log")}
      </Menu.Item>
      <Menu.Item
        color="var(--mantine-color-error)"
        disabled={user.is_active}
        onClick={() =>
          remove({
            path: `users/${user.id}/`,
            title: t("Delete the user {name}?", { name: user.name }),
            effect: t("Grants and tokens of this person go too. Recordings and the audit log keep the name."),
            confirm: t("Delete user"),
            done: t("The user {name} is deleted.", { name: user.name }),
          })
        }
      >
        {user.is_active ? t("Delete user (disable first)") : t("Delete user")}
      </Menu.Item>
    </RowMenu>
  );
}

function UserForm({ user, close }: { user: User | undefined; close: () => void }) {
  const t = useText();
  const groups = useChoices<PeopleGroup>("groups/");
  const form = useForm({
    initialValues: {
      name: user?.name ?? "",
      full_name: user?.full_name ?? "",
      email: user?.email ?? "",
      group_ids: user?.groups.map((group) => String(group.id)) ?? [],
      is_active: user?.is_active ?? true,
      is_admin: user?.is_admin ?? false,
      password: "",
    },
  });
  const save = useSave<User>("users/", close);
  const submit = () => {
    const { password, group_ids, ...rest } = form.getValues();
    save.mutate({
      id: user?.id,
      body: { ...rest, group_ids: group_ids.map(Number), ...(password && { password }) },
    });
  };
  return (
    <FormDrawer
      title={user ? t("User {name}", { name: user.name }) : t("New user")}
      submitLabel={user ? t("Save changes") : t("Add user")}
      form={form}
      close={close}
      submit={submit}
      isSaving={save.isPending}
      error={save.error}
    >
      <TextInput
        label={t("User name")}
        data-autofocus
        required
        withAsterisk={false}
        autoComplete="off"
        {...form.getInputProps("name")}
      />
      <TextInput label={t("Full name")} autoComplete="off" {...form.getInputProps("full_name")} />
      <TextInput label={t("E-mail")} type="email" autoComplete="off" {...form.getInputProps("email")} />
      <MultiSelect
        label={t("Groups")}
        searchable
        clearable
        clearButtonProps={{ "aria-label": t("Clear") }}
        data={groups.map((group) => ({ value: String(group.id), label: group.name }))}
        {...form.getInputProps("group_ids")}
      />
      <PasswordInput
        label={user ? t("Another password") : t("Password")}
        description={
          user
            ? t("Leave it empty to keep the password. Another one ends the person’s sessions within 5 s.")
            : t("At least 10 characters. Hand it over safely; the person can change it in the settings.")
        }
        autoComplete="new-password"
        visibilityToggleButtonProps={{ "aria-label": t("Show the password") }}
        {...form.getInputProps("password")}
      />
      <Checkbox
        label={t("May sign in")}
        description={t("Taking this away ends sessions, downloads and tokens of this person within 5 s.")}
        {...form.getInputProps("is_active", { type: "checkbox" })}
      />
      <Checkbox
        label={t("Administrator")}
        description={t(
          "Manages hosts, credentials, grants and people. Sees recordings only with a grant, as everyone.",
        )}
        {...form.getInputProps("is_admin", { type: "checkbox" })}
      />
      {user && (
        <Text size="xs" c="dimmed">
          {t("Added")} <TimeText at={user.created_at} />
        </Text>
      )}
    </FormDrawer>
  );
}
