import { Menu, Select, Text, Textarea } from "@mantine/core";
import { useForm } from "@mantine/form";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Host, HostGroup, LegalHold, User } from "@/api/types";
import { msg, useText } from "@/i18n/text";
import { askToRelease } from "@/proof/Holds";
import { holdSubject } from "@/proof/hold-words";
import type { Column } from "@/shell/DataTable";
import { StateBadge } from "@/shell/StateBadge";
import { TimeText } from "@/shell/TimeText";
import { useUrlState } from "@/url";
import { FormDrawer } from "./FormDrawer";
import { useChoices, useSave } from "./requests";
import { RowMenu, SectionList } from "./SectionList";

/** By what the server's filter `active` takes. */
const states: Record<string, string> = { true: msg("Held"), false: msg("Released") };

/** What nobody may delete, and why. */
export function LegalHoldsSection() {
  const t = useText();
  const [{ q, active }, setState] = useUrlState({ q: "", active: "true" });
  const [isNew, setNew] = useState(false);
  const columns: Column<LegalHold>[] = [
    {
      key: "what",
      header: t("What is held"),
      narrow: "first",
      render: (hold) => <Subject hold={hold} />,
    },
    { key: "reason", header: t("Reason"), narrow: "second", render: (hold) => hold.reason },
    {
      key: "placed",
      header: t("Placed"),
      from: "md",
      narrow: "second",
      render: (hold) => <ByAndWhen name={hold.owner} at={hold.created_at} />,
    },
    {
      key: "released",
      header: t("Released"),
      from: "lg",
      narrow: "second",
      render: (hold) => hold.released_at && <ByAndWhen name={hold.released_by} at={hold.released_at} />,
    },
    {
      key: "state",
      header: t("State"),
      width: 100,
      narrow: "end",
      render: (hold) => (hold.released_at === null ? <StateBadge kind="hold" word={t("Held")} /> : t("Released")),
    },
    {
      key: "menu",
      header: "",
      width: 50,
      align: "right",
      narrow: "end",
      render: (hold) =>
        hold.released_at === null && (
          <RowMenu name={holdSubject(hold, t)}>
            <Menu.Item color="var(--mantine-color-error)" onClick={() => askToRelease(hold)}>
              {t("Release hold")}
            </Menu.Item>
          </RowMenu>
        ),
    },
  ];
  return (
    <>
      <SectionList<LegalHold>
        path="legal-holds/"
        label={t("Legal holds")}
        newLabel={t("Place hold")}
        emptyTitle={t("No such hold.")}
        emptyHint={t("A hold keeps recordings from every deletion until somebody releases it.")}
        placeholder={t("Reason, name or what is held")}
        q={q}
        setQ={(value) => setState({ q: value }, { replace: true })}
        query={{ active }}
        filters={
          <Select
            size="xs"
            w={150}
            clearable
            placeholder={t("Any state")}
            aria-label={t("State")}
            data={Object.entries(states).map(([value, label]) => ({ value, label: t(label) }))}
            value={active || null}
            onChange={(value) => setState({ active: value ?? "" })}
          />
        }
        columns={columns}
        create={() => setNew(true)}
      />
      {isNew && <HoldForm close={() => setNew(false)} />}
    </>
  );
}

function ByAndWhen({ name, at }: { name: string; at: string }) {
  return (
    <>
      {name}, <TimeText at={at} />
    </>
  );
}

function Subject({ hold }: { hold: LegalHold }) {
  const t = useText();
  const words = holdSubject(hold, t);
  return hold.kind === "session" ? (
    <Link to="/sessions/$id" params={{ id: hold.object.id }} style={{ color: "inherit", fontWeight: 600 }}>
      {words}
    </Link>
  ) : (
    <Text span inherit fw={600}>
      {words}
    </Text>
  );
}

/** What the server says about its fields stands at the one menu that sets them all. */
const errorPlaces = { user_id: "what", host_id: "what", host_group_id: "what", session_id: "what" };

function HoldForm({ close }: { close: () => void }) {
  const t = useText();
  const users = useChoices<User>("users/");
  const hosts = useChoices<Host>("hosts/");
  const groups = useChoices<HostGroup>("host-groups/");
  const form = useForm<{ what: string | null; reason: string }>({ initialValues: { what: null, reason: "" } });
  const save = useSave("legal-holds/", close);
  const submit = () => {
    const { what, reason } = form.getValues();
    if (what === null) {
      form.setFieldError("what", t("Choose what is held."));
      return;
    }
    const [kind, id] = what.split(":");
    save.mutate({ body: { [`${kind}_id`]: kind === "user" ? Number(id) : id, reason: reason.trim() } });
  };
  return (
    <FormDrawer
      title={t("Place hold")}
      submitLabel={t("Place hold")}
      form={form}
      close={close}
      submit={submit}
      isSaving={save.isPending}
      error={save.error}
      errorPlaces={errorPlaces}
    >
      <Select
        label={t("What is held")}
        description={t(
          "All recordings of it, those that come later too. To hold a single session, use the menu in the list of sessions.",
        )}
        placeholder={t("A person, a host or a host group")}
        searchable
        data-autofocus
        data={[
          { group: t("People"), items: users.map(({ id, name }) => ({ value: `user:${id}`, label: name })) },
          { group: t("Hosts"), items: hosts.map(({ id, name }) => ({ value: `host:${id}`, label: name })) },
          {
            group: t("Host groups"),
            items: groups.map(({ id, name }) => ({ value: `host_group:${id}`, label: name })),
          },
        ]}
        {...form.getInputProps("what")}
      />
      <Textarea
        label={t("Reason")}
        description={t("It stands in the audit log beside your name.")}
        autosize
        minRows={2}
        maxLength={500}
        {...form.getInputProps("reason")}
      />
    </FormDrawer>
  );
}
