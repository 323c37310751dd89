import { Button, Select, Text } from "@mantine/core";
import { IconServer, IconServer2, IconUser, IconUsersGroup } from "@tabler/icons-react";
import { useState } from "react";
import type { Grant } from "@/api/types";
import { useText } from "@/i18n/text";
import { type Column, RowName } from "@/shell/DataTable";
import { StateBadge } from "@/shell/StateBadge";
import { TimeText } from "@/shell/TimeText";
import { useUrlState } from "@/url";
import { GrantDrawer } from "./GrantDrawer";
import { GrantForm } from "./GrantForm";
import { grantStates, listActions, whereOf, whoOf } from "./grant-words";
import { SectionList } from "./SectionList";

const defaults = { q: "", state: "active", user: "", group: "", host: "", host_group: "" };

export function GrantsSection() {
  const t = useText();
  const [{ q, state, ...narrowed }, setState] = useUrlState(defaults);
  const [opened, setOpened] = useState<Grant | "new">();
  const isNarrowed = Object.values(narrowed).some((value) => value !== "");
  const close = () => setOpened(undefined);
  const columns: Column<Grant>[] = [
    {
      key: "who",
      header: t("Who"),
      narrow: "first",
      render: (grant) => <Who grant={grant} open={() => setOpened(grant)} />,
    },
    { key: "may", header: t("May"), narrow: "second", render: (grant) => listActions(t, grant.actions) },
    { key: "where", header: t("Where"), narrow: "first", render: (grant) => <Where grant={grant} /> },
    {
      key: "until",
      header: t("Until"),
      narrow: "second",
      render: (grant) => (grant.valid_until ? <TimeText at={grant.valid_until} relative /> : t("No end")),
    },
    { key: "reason", header: t("Reason"), from: "md", render: (grant) => grant.reason },
    { key: "by", header: t("Given by"), from: "xl", render: (grant) => grant.granted_by },
    { key: "state", header: t("State"), width: 130, narrow: "end", render: (grant) => <GrantState grant={grant} /> },
  ];
  return (
    <>
      <SectionList
        path="grants/"
        label={t("Grants")}
        newLabel={t("New grant")}
        emptyTitle={t("No such grant.")}
        emptyHint={t("Without a grant nobody reaches a host or sees a recording, administrators too.")}
        placeholder={t("Person, host or reason")}
        q={q}
        setQ={(value) => setState({ q: value }, { replace: true })}
        query={{ state, ...narrowed }}
        filters={
          <>
            <Select
              size="xs"
              w={150}
              clearable
              placeholder={t("Any state")}
              aria-label={t("State")}
              data={Object.entries(grantStates).map(([value, label]) => ({ value, label: t(label) }))}
              value={state || null}
              onChange={(value) => setState({ state: value ?? "" })}
            />
            {isNarrowed && (
              <Button
                size="xs"
                variant="default"
                onClick={() => setState({ user: "", group: "", host: "", host_group: "" })}
              >
                {t("Show the grants of all")}
              </Button>
            )}
          </>
        }
        columns={columns}
        open={setOpened}
        create={() => setOpened("new")}
      />
      {opened === "new" && <GrantForm close={close} />}
      {opened !== undefined && opened !== "new" && <GrantDrawer grant={opened} close={close} />}
    </>
  );
}

function Who({ grant, open }: { grant: Grant; open: () => void }) {
  const Icon = grant.user ? IconUser : IconUsersGroup;
  return (
    <span style={{ whiteSpace: "nowrap" }}>
      <Icon size={14} aria-hidden="true" style={{ verticalAlign: -2, marginRight: 6 }} />
      <RowName onClick={open}>{whoOf(grant)}</RowName>
    </span>
  );
}

function Where({ grant }: { grant: Grant }) {
  const Icon = grant.host ? IconServer : IconServer2;
  return (
    <span style={{ whiteSpace: "nowrap" }}>
      <Icon size={14} aria-hidden="true" style={{ verticalAlign: -2, marginRight: 6 }} />
      {whereOf(grant)}
    </span>
  );
}

const soon = 24 * 3600 * 1000;

export function GrantState({ grant }: { grant: Grant }) {
  const t = useText();
  const word = t(grantStates[grant.state]);
  if (grant.state === "active" && grant.valid_until && Date.parse(grant.valid_until) - Date.now() < soon) {
    return <StateBadge kind="warning" word={t("Ending soon")} />;
  }
  return grant.state === "active" ? (
    <Text span inherit>
      {word}
    </Text>
  ) : (
    <StateBadge kind={grant.state === "pending" ? "progress" : "sealed"} word={word} />
  );
}
