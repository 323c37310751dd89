import { Button, Group, Select, Text, TextInput } from "@mantine/core";
import { useMemo } from "react";
import { useMe } from "@/api/me";
import { useRows } from "@/api/pages";
import type { AuditEvent } from "@/api/types";
import { useFormats } from "@/i18n/formats";
import { useText } from "@/i18n/text";
import { type Column, DataTable, RowName } from "@/shell/DataTable";
import { ForbiddenPage } from "@/shell/ErrorPages";
import { ExportMenu } from "@/shell/ExportMenu";
import { EmptyState, ErrorAlert, LoadingRows, LoadMore } from "@/shell/Feedback";
import { FilterBox } from "@/shell/FilterBox";
import { PageHeader } from "@/shell/PageHeader";
import { resolveTime, TimeRange } from "@/shell/TimeRange";
import { TimeText } from "@/shell/TimeText";
import { useUrlState } from "@/url";
import { EventDrawer } from "./EventDrawer";
import { ObjectLink, Outcome } from "./EventParts";
import { actionWords, groupedActions, outcomeWords } from "./words";

const defaults = {
  q: "",
  actor: "",
  action: "",
  outcome: "",
  object_type: "",
  object_id: "",
  session: "",
  after: "now-7d",
  before: "",
  event: "",
};

export default function AuditPage() {
  const t = useText();
  const me = useMe();
  if (!me.is_admin && !me.can_audit) {
    return <ForbiddenPage right={t("The audit log is for administrators, and for people who may audit a host.")} />;
  }
  return <AuditLog />;
}

function AuditLog() {
  const t = useText();
  const [state, setState] = useUrlState(defaults);
  const { event: openId, after, before, ...filters } = state;
  // Resolved once per choice: a list that moves under the reader loses its place.
  const start = useMemo(() => resolveTime(after), [after]);
  const query = { ...filters, after: start, before };
  const list = useRows<AuditEvent>("audit-events/", query);
  const opened = list.rows.find((event) => String(event.id) === openId);
  const isNarrowed = Object.values(filters).some((value) => value !== "");
  return (
    <>
      <PageHeader title={t("Audit log")} filters={<Filters state={state} setState={setState} />}>
        <ExportMenu path="audit-events/" query={query} />
      </PageHeader>
      <ObjectFilter state={state} setState={setState} />
      {list.error && (
        <ErrorAlert
          error={list.error}
          title={t("The audit log could not be read.")}
          retry={() => void list.refetch()}
        />
      )}
      {list.isPending && <LoadingRows />}
      {list.rows.length > 0 && (
        <EventTable
          events={list.rows}
          isStale={list.isPlaceholderData}
          open={(event) => setState({ event: String(event.id) })}
        />
      )}
      {list.isSuccess && list.rows.length === 0 && (
        <EmptyState
          title={isNarrowed ? t("No event matches.") : t("Nothing in this range.")}
          hint={t("Every sign-in, session, replay and change of access stands here.")}
        >
          {isNarrowed && (
            <Button variant="default" onClick={() => setState({ ...defaults, after, before })}>
              {t("Clear filter")}
            </Button>
          )}
          {after !== "" && (
            <Button
              variant="default"
              onClick={() => setState({ after: after === "now-30d" ? "" : "now-30d", before: "" })}
            >
              {after === "now-30d" ? t("Show all time") : t("Widen to 30 days")}
            </Button>
          )}
        </EmptyState>
      )}
      <LoadMore {...list} />
      <EventDrawer
        event={opened}
        close={() => setState({ event: "" })}
        filter={(change) => setState({ ...defaults, after, before, ...change })}
      />
    </>
  );
}

interface FiltersProps {
  state: typeof defaults;
  setState: (change: Partial<typeof defaults>, options?: { replace?: boolean }) => void;
}

function Filters({ state, setState }: FiltersProps) {
  const t = useText();
  return (
    <>
      <FilterBox
        value={state.q}
        onChange={(q) => setState({ q }, { replace: true })}
        placeholder={t("Object, address or detail")}
        w={{ base: "100%", xs: 220 }}
      />
      <TextInput
        size="xs"
        w={130}
        placeholder={t("Person")}
        aria-label={t("Person")}
        value={state.actor}
        onChange={(event) => setState({ actor: event.currentTarget.value }, { replace: true })}
      />
      <Select
        size="xs"
        w={190}
        clearable
        searchable
        placeholder={t("Any action")}
        aria-label={t("Action")}
        data={groupedActions().map(({ group, actions }) => ({
          group: t(group),
          items: actions.map(({ value, label }) => ({ value, label: t(label) })),
        }))}
        value={state.action || null}
        onChange={(action) => setState({ action: action ?? "" })}
      />
      <Select
        size="xs"
        w={120}
        clearable
        placeholder={t("Any outcome")}
        aria-label={t("Outcome")}
        data={Object.entries(outcomeWords).map(([value, label]) => ({ value, label: t(label) }))}
        value={state.outcome || null}
        onChange={(outcome) => setState({ outcome: outcome ?? "" })}
      />
      <TimeRange after={state.after} before={state.before} onChange={setState} />
    </>
  );
}

/** A filter that only links set: it has no box, so it says that it is there. */
function ObjectFilter({ state, setState }: FiltersProps) {
  const t = useText();
  const id = state.object_id || state.session;
  if (!id) {
    return null;
  }
  return (
    <Group gap="sm" mb="sm">
      <Text size="sm">
        {state.session
          ? t("Events of session {id}", { id: id.slice(0, 8) })
          : t("Events of {type} {id}", { type: state.object_type, id })}
      </Text>
      <Button
        size="compact-xs"
        variant="default"
        onClick={() => setState({ object_id: "", object_type: "", session: "" })}
      >
        {t("Show all")}
      </Button>
    </Group>
  );
}

interface EventTableProps {
  events: AuditEvent[];
  isStale: boolean;
  open: (event: AuditEvent) => void;
}

function EventTable({ events, isStale, open }: EventTableProps) {
  const t = useText();
  const { zoneName } = useFormats();
  const columns: Column<AuditEvent>[] = [
    {
      key: "at",
      header: t("Time ({zone})", { zone: zoneName }),
      width: 150,
      narrow: "second",
      render: (event) => <TimeText at={event.at} />,
    },
    { key: "actor", header: t("Person"), narrow: "first", render: (event) => event.actor || t("System") },
    {
      key: "action",
      header: t("Action"),
      narrow: "first",
      render: (event) => (
        <RowName onClick={() => open(event)}>
          <Text span inherit fw={400}>
            {t(actionWords[event.action] ?? event.action)}
          </Text>
        </RowName>
      ),
    },
    {
      key: "code",
      header: t("Code"),
      from: "lg",
      render: (event) => (
        <Text span className="mono" c="dimmed">
          {event.action}
        </Text>
      ),
    },
    { key: "object", header: t("Object"), narrow: "second", render: (event) => <ObjectLink event={event} /> },
    {
      key: "address",
      header: t("Address"),
      from: "md",
      render: (event) => <span className="mono">{event.address}</span>,
    },
    {
      key: "outcome",
      header: t("Outcome"),
      width: 110,
      narrow: "end",
      render: (event) => <Outcome outcome={event.outcome} />,
    },
  ];
  return (
    <DataTable
      label={t("Audit log")}
      columns={columns}
      rows={events}
      rowKey={(event) => String(event.id)}
      onOpen={open}
      isStale={isStale}
    />
  );
}
