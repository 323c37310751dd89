import { Menu, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Group as PeopleGroup } from "@/api/types";
import { useText } from "@/i18n/text";
import { type Column, RowName } from "@/shell/DataTable";
import { useUrlState } from "@/url";
import { FormDrawer } from "./FormDrawer";
import { useRemove, useSave } from "./requests";
import { RowMenu, SectionList } from "./SectionList";

/** Groups of people, as grants name them. */
export function GroupsSection() {
  const t = useText();
  const [{ q }, setState] = useUrlState({ q: "" });
  const [edited, setEdited] = useState<PeopleGroup | "new">();
  const remove = useRemove();
  const columns: Column<PeopleGroup>[] = [
    {
      key: "name",
      header: t("Name"),
      narrow: "first",
      render: (group) => <RowName onClick={() => setEdited(group)}>{group.name}</RowName>,
    },
    {
      key: "people",
      header: t("People"),
      narrow: "second",
      render: (group) => t("{count, plural, one {# person} other {# people}}", { count: group.user_count }),
    },
    {
      key: "menu",
      header: "",
      width: 50,
      align: "right",
      narrow: "end",
      render: (group) => (
        <RowMenu name={group.name}>
          <Menu.Item component={Link} to="/admin/grants" search={{ group: String(group.id) } as never}>
            {t("Show its grants")}
          </Menu.Item>
          <Menu.Item
            color="var(--mantine-color-error)"
            onClick={() =>
              remove({
                path: `groups/${group.id}/`,
                title: t("Delete the group {name}?", { name: group.name }),
                effect: t(
                  "{count, plural, =0 {Nobody is in it.} one {# person loses what it allows.} other {# people lose what it allows.}} Grants to this group end, and live sessions that need them end within 5 s.",
                  { count: group.user_count },
                ),
                confirm: t("Delete group"),
                done: t("The group {name} is deleted.", { name: group.name }),
              })
            }
          >
            {t("Delete group")}
          </Menu.Item>
        </RowMenu>
      ),
    },
  ];
  return (
    <>
      <SectionList
        path="groups/"
        label={t("Groups")}
        newLabel={t("New group")}
        emptyTitle={t("No group yet.")}
        emptyHint={t("Put people into groups, then give access to the group.")}
        placeholder={t("Name")}
        q={q}
        setQ={(value) => setState({ q: value }, { replace: true })}
        columns={columns}
        open={setEdited}
        create={() => setEdited("new")}
      />
      {edited && <GroupForm group={edited === "new" ? undefined : edited} close={() => setEdited(undefined)} />}
    </>
  );
}

function GroupForm({ group, close }: { group: PeopleGroup | undefined; close: () => void }) {
  const t = useText();
  const form = useForm({ initialValues: { name: group?.name ?? "" } });
  const save = useSave("groups/", close);
  return (
    <FormDrawer
      title={group ? t("Group {name}", { name: group.name }) : t("New group")}
      submitLabel={group ? t("Save changes") : t("Add group")}
      form={form}
      close={close}
      submit={() => save.mutate({ id: group?.id, body: form.getValues() })}
      isSaving={save.isPending}
      error={save.error}
    >
      <TextInput label={t("Name")} data-autofocus required withAsterisk={false} {...form.getInputProps("name")} />
    </FormDrawer>
  );
}
