import { Menu, Select, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Host, HostGroup } from "@/api/types";
import { useText } from "@/i18n/text";
import { type Column, RowName } from "@/shell/DataTable";
import { StateBadge } from "@/shell/StateBadge";
import { useUrlState } from "@/url";
import { HostForm } from "./HostForm";
import { HostKeysDrawer } from "./HostKeysDrawer";
import { useChoices, useRemove } from "./requests";
import { RowMenu, SectionList } from "./SectionList";

type Opened = { view: "form"; host?: Host } | { view: "keys"; host: Host };

export function HostsSection() {
  const t = useText();
  const [{ q, group }, setState] = useUrlState({ q: "", group: "" });
  const [opened, setOpened] = useState<Opened>();
  const groups = useChoices<HostGroup>("host-groups/");
  const close = () => setOpened(undefined);
  const columns: Column<Host>[] = [
    {
      key: "name",
      header: t("Name"),
      narrow: "first",
      render: (host) => <RowName onClick={() => setOpened({ view: "form", host })}>{host.name}</RowName>,
    },
    {
      key: "address",
      header: t("Address"),
      narrow: "second",
      render: (host) => (
        <span className="mono">
          {host.address}:{host.port}
        </span>
      ),
    },
    {
      key: "groups",
      header: t("Groups"),
      from: "md",
      render: (host) => host.groups.map(({ name }) => name).join(" · "),
    },
    {
      key: "credential",
      header: t("Credential"),
      from: "sm",
      render: (host) => host.credential?.name ?? <StateBadge kind="warning" word={t("None")} />,
    },
    { key: "key", header: t("Host key"), from: "sm", render: (host) => <KeyState host={host} /> },
    {
      key: "state",
      header: t("State"),
      narrow: "end",
      render: (host) => (host.enabled ? t("Enabled") : <StateBadge kind="warning" word={t("Disabled")} />),
    },
    {
      key: "menu",
      header: "",
      width: 50,
      align: "right",
      narrow: "end",
      render: (host) => <HostMenu host={host} open={setOpened} />,
    },
  ];
  return (
    <>
      <SectionList
        path="hosts/"
        label={t("Hosts")}
        newLabel={t("New host")}
        emptyTitle={t("No host yet.")}
        emptyHint={t("Address, host key, credential, grant: then somebody can connect.")}
        placeholder={t("Name, address or group")}
        q={q}
        setQ={(value) => setState({ q: value }, { replace: true })}
        query={{ group }}
        filters={
          <Select
            size="xs"
            w={170}
            clearable
            searchable
            placeholder={t("All groups")}
            aria-label={t("Group")}
            data={groups.map(({ id, name }) => ({ value: id, label: name }))}
            value={group || null}
            onChange={(value) => setState({ group: value ?? "" })}
          />
        }
        columns={columns}
        open={(host) => setOpened({ view: "form", host })}
        create={() => setOpened({ view: "form" })}
      />
      {opened?.view === "form" && (
        <HostForm
          host={opened.host}
          close={close}
          // A host without a key cannot be reached: that is the next step.
          onCreated={(host) => setOpened({ view: "keys", host })}
        />
      )}
      {opened?.view === "keys" && <HostKeysDrawer hostId={opened.host.id} close={close} />}
    </>
  );
}

function KeyState({ host }: { host: Host }) {
  const t = useText();
  return host.key_state === "pinned" ? (
    <Text span inherit>
      {t("{count, plural, one {# pinned} other {# pinned}}", { count: host.keys.length })}
    </Text>
  ) : (
    <StateBadge kind="warning" word={t("Not pinned")} />
  );
}

function HostMenu({ host, open }: { host: Host; open: (opened: Opened) => void }) {
  const t = useText();
  const remove = useRemove();
  return (
    <RowMenu name={host.name}>
      <Menu.Item onClick={() => open({ view: "form", host })}>{t("Edit")}</Menu.Item>
      <Menu.Item onClick={() => open({ view: "keys", host })}>{t("Host keys")}</Menu.Item>
      <Menu.Item component={Link} to="/admin/grants" search={{ host: host.id } as never}>
        {t("Show grants")}
      </Menu.Item>
      <Menu.Item component={Link} to="/sessions" search={{ host: host.name } as never}>
        {t("Show sessions")}
      </Menu.Item>
      <Menu.Item component={Link} to="/audit" search={{ object_type: "host", object_id: host.id } as never}>
        {t("Show in the audit log")}
      </Menu.Item>
      <Menu.Item
        color="var(--mantine-color-error)"
        onClick={() =>
          remove({
            path: `hosts/${host.id}/`,
            title: t("Retire {name}?", { name: host.name }),
            effect: t(
              "Nobody can connect to it any more, and live sessions on it end within 5 s. Its recordings stay.",
            ),
            confirm: t("Retire host"),
            done: t("{name} is retired.", { name: host.name }),
          })
        }
      >
        {t("Retire host")}
      </Menu.Item>
    </RowMenu>
  );
}
