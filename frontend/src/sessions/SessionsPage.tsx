import { Button, Group, Text } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Query } from "@/api/client";
import { useMe } from "@/api/me";
import { useText } from "@/i18n/text";
import { DataTable } from "@/shell/DataTable";
import { ExportMenu } from "@/shell/ExportMenu";
import { EmptyState, ErrorAlert, LoadingRows, LoadMore } from "@/shell/Feedback";
import { PageHeader } from "@/shell/PageHeader";
import { resolveTime } from "@/shell/TimeRange";
import { useUrlState } from "@/url";
import { useSessionColumns } from "./columns";
import { noFilters, SessionFilters, type SessionFilterValues } from "./SessionFilters";
import { useSessions } from "./useSessions";

export default function SessionsPage() {
  const t = useText();
  const me = useMe();
  const navigate = useNavigate();
  const [filters, setFilters] = useUrlState(noFilters);
  const query = useMemo(() => queryOf(filters), [filters]);
  const sessions = useSessions(query);
  const columns = useSessionColumns();
  const isFiltered = Object.values(filters).some(Boolean);
  const open = (id: string) => void navigate({ to: "/sessions/$id", params: { id } });

  return (
    <>
      <PageHeader title={t("Sessions")} filters={<SessionFilters filters={filters} onChange={setFilters} />}>
        <ExportMenu path="sessions/" query={query} />
      </PageHeader>
      {!me.can_audit && (
        <Text size="sm" c="dimmed" mb="sm">
          {t("You see your own sessions. An auditor's grant for a host shows all sessions there.")}
        </Text>
      )}
      {sessions.isError && (
        <ErrorAlert
          error={sessions.error}
          title={t("The sessions could not be fetched.")}
          retry={() => void sessions.refetch()}
        />
      )}
      {sessions.isPending && <LoadingRows rows={12} />}
      {sessions.newer > 0 && (
        <Button variant="light" size="compact-sm" fullWidth mb="xs" onClick={() => void sessions.showNewer()}>
          {t("{count, plural, one {# session that started since, show} other {# sessions that started since, show}}", {
            count: sessions.newer,
          })}
        </Button>
      )}
      {sessions.rows.length > 0 && (
        <DataTable
          label={t("Sessions")}
          columns={columns}
          rows={sessions.rows}
          rowKey={(session) => session.id}
          onOpen={(session) => open(session.id)}
          isStale={sessions.isPlaceholderData}
        />
      )}
      {sessions.isSuccess && sessions.rows.length === 0 && (
        <NoSessions isFiltered={isFiltered} clear={() => setFilters(noFilters)} />
      )}
      <LoadMore {...sessions} />
    </>
  );
}

function NoSessions({ isFiltered, clear }: { isFiltered: boolean; clear: () => void }) {
  const t = useText();
  const icon = <IconHistory aria-hidden="true" />;
  if (!isFiltered) {
    return <EmptyState icon={icon} title={t("No sessions yet.")} hint={t("They appear when someone connects.")} />;
  }
  return (
    <EmptyState icon={icon} title={t("No session matches these filters.")}>
      <Group>
        <Button variant="default" onClick={clear}>
          {t("Clear filters")}
        </Button>
      </Group>
    </EmptyState>
  );
}

function queryOf({ after, before, ...rest }: SessionFilterValues): Query {
  return { ...rest, started_after: resolveTime(after), started_before: resolveTime(before) };
}
