import { Menu, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { HostGroup } from "@/api/types";
import { useText } from "@/i18n/text";
import { type Column, RowName } from "@/shell/DataTable";
import { useUrlState } from "@/url";
import { FormDrawer } from "./FormDrawer";
import { useRemove, useSave } from "./requests";
import { RowMenu, SectionList } from "./SectionList";

export function HostGroupsSection() {
  const t = useText();
  const [{ q }, setState] = useUrlState({ q: "" });
  const [edited, setEdited] = useState<HostGroup | "new">();
  const remove = useRemove();
  const columns: Column<HostGroup>[] = [
    {
      key: "name",
      header: t("Name"),
      narrow: "first",
      render: (group) => <RowName onClick={() => setEdited(group)}>{group.name}</RowName>,
    },
    {
      key: "hosts",
      header: t("Hosts"),
      width: 140,
      narrow: "second",
      render: (group) => t("{count, plural, one {# host} other {# hosts}}", { count: group.host_count }),
    },
    { key: "notes", header: t("Notes"), from: "sm", render: (group) => group.notes },
    {
      key: "menu",
      header: "",
      width: 50,
      align: "right",
      narrow: "end",
      render: (group) => (
        <RowMenu name={group.name}>
          <Menu.Item component={Link} to="/admin/hosts" search={{ group: group.id } as never}>
            {t("Show its hosts")}
          </Menu.Item>
          <Menu.Item component={Link} to="/admin/grants" search={{ host_group: group.id } as never}>
            {t("Show its grants")}
          </Menu.Item>
          <Menu.Item
            color="var(--mantine-color-error)"
            onClick={() =>
              remove({
                path: `host-groups/${group.id}/`,
                title: t("Delete the group {name}?", { name: group.name }),
                effect: t(
                  "{count, plural, =0 {It has no hosts.} one {# host leaves it.} other {# hosts leave it.}} Grants on this group end.",
                  { count: group.host_count },
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
        path="host-groups/"
        label={t("Host groups")}
        newLabel={t("New host group")}
        emptyTitle={t("No host group yet.")}
        emptyHint={t("A grant on a group holds for every host in it, also for those that come later.")}
        placeholder={t("Name or notes")}
        q={q}
        setQ={(value) => setState({ q: value }, { replace: true })}
        columns={columns}
        open={setEdited}
        create={() => setEdited("new")}
      />
      {edited && <HostGroupForm group={edited === "new" ? undefined : edited} close={() => setEdited(undefined)} />}
    </>
  );
}

function HostGroupForm({ group, close }: { group: HostGroup | undefined; close: () => void }) {
  const t = useText();
  const form = useForm({ initialValues: { name: group?.name ?? "", notes: group?.notes ?? "" } });
  const save = useSave("host-groups/", close);
  return (
    <FormDrawer
      title={group ? t("Host group {name}", { name: group.name }) : t("New host group")}
      submitLabel={group ? t("Save changes") : t("Add group")}
      form={form}
      close={close}
      submit={() => save.mutate({ id: group?.id, body: form.getValues() })}
      isSaving={save.isPending}
      error={save.error}
    >
      <TextInput label={t("Name")} data-autofocus required withAsterisk={false} {...form.getInputProps("name")} />
      <Textarea label={t("Notes")} autosize minRows={2} {...form.getInputProps("notes")} />
    </FormDrawer>
  );
}
