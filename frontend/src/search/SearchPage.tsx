import { Anchor, Button, Code, Group, Popover, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { IconHelp, IconSearch } from "@tabler/icons-react";
import { useEffect, useMemo } from "react";
import type { Query } from "@/api/client";
import { useRows } from "@/api/pages";
import type { SearchHit } from "@/api/types";
import { useText } from "@/i18n/text";
import { HostInput, useTyped } from "@/sessions/SessionFilters";
import { ExportMenu } from "@/shell/ExportMenu";
import { EmptyState, ErrorAlert, LoadingRows, LoadMore } from "@/shell/Feedback";
import { FilterBox } from "@/shell/FilterBox";
import { PageHeader } from "@/shell/PageHeader";
import { resolveTime, TimeRange } from "@/shell/TimeRange";
import { useUrlState } from "@/url";
import { groupBySession, HitGroup } from "./HitGroup";

const noFilters = { q: "", user: "", host: "", kind: "", after: "", before: "" };
type Filters = typeof noFilters;
type Change = (change: Partial<Filters>, options?: { replace?: boolean }) => void;

export default function SearchPage() {
  const t = useText();
  const [filters, setFilters] = useUrlState(noFilters);
  const query = useMemo(() => queryOf(filters), [filters]);
  const isAsked = filters.q.trim() !== "";
  const hits = useRows<SearchHit>("search/", query, { enabled: isAsked });
  const groups = useMemo(() => groupBySession(hits.rows), [hits.rows]);
  const { hasNextPage, isFetching, fetchNextPage } = hits;
  // Short words are looked for a stretch at a time, and a stretch may hold none.
  const isLookingOn = isAsked && hits.isSuccess && groups.length === 0 && hasNextPage;
  useEffect(() => {
    if (isLookingOn && !isFetching) void fetchNextPage();
  }, [isLookingOn, isFetching, fetchNextPage]);
  return (
    <>
      <PageHeader title={t("Search")}>{isAsked && <ExportMenu path="search/" query={query} />}</PageHeader>
      <SearchFilters filters={filters} onChange={setFilters} />
      {!isAsked && <Examples ask={(q) => setFilters({ q })} />}
      {isAsked && hits.isError && (
        <ErrorAlert error={hits.error} title={t("The search failed.")} retry={() => void hits.refetch()} />
      )}
      {((isAsked && hits.isLoading) || isLookingOn) && <LoadingRows rows={6} height={44} />}
      {isAsked && groups.length > 0 && (
        <Stack gap="md" style={{ opacity: hits.isPlaceholderData ? 0.55 : 1 }} aria-busy={hits.isPlaceholderData}>
          <Text size="sm" c="dimmed" aria-live="polite">
            {t("{hits, plural, one {# hit} other {# hits}} in {sessions, plural, one {# session} other {# sessions}}", {
              hits: hits.rows.length,
              sessions: groups.length,
            })}
            {hits.hasNextPage && ` · ${t("there are more")}`}
          </Text>
          {groups.map((group) => (
            <HitGroup key={group.key} group={group} />
          ))}
        </Stack>
      )}
      {isAsked && hits.isSuccess && groups.length === 0 && !isLookingOn && (
        <NothingFound filters={filters} onChange={setFilters} />
      )}
      {isAsked && !isLookingOn && <LoadMore {...hits} />}
    </>
  );
}

function SearchFilters({ filters, onChange }: { filters: Filters; onChange: Change }) {
  const t = useText();
  const [q, setQ] = useTyped(filters.q, (next) => onChange({ q: next }, { replace: true }));
  const [user, setUser] = useTyped(filters.user, (next) => onChange({ user: next }));
  return (
    <Group gap="sm" mb="md" wrap="wrap">
      <FilterBox
        value={q}
        onChange={setQ}
        placeholder={t("A word that was on a screen, or a command")}
        size="sm"
        w={{ base: "100%", xs: 420 }}
        autoFocus={q === ""}
      />
      <SegmentedControl
        size="xs"
        aria-label={t("Where to search")}
        value={filters.kind}
        onChange={(kind) => onChange({ kind })}
        data={[
          { value: "", label: t("Everywhere") },
          { value: "command", label: t("Commands") },
          { value: "output", label: t("Screens") },
        ]}
      />
      <TextInput
        size="xs"
        w={130}
        value={user}
        placeholder={t("Person")}
        aria-label={t("Person")}
        onChange={(event) => setUser(event.currentTarget.value)}
      />
      <HostInput value={filters.host} onChange={(host) => onChange({ host })} />
      <TimeRange after={filters.after} before={filters.before} onChange={onChange} />
      <SyntaxHelp />
    </Group>
  );
}

function SyntaxHelp() {
  const t = useText();
  return (
    <Popover width={320} position="bottom-end" withArrow>
      <Popover.Target>
        <Button size="xs" variant="subtle" color="gray" leftSection={<IconHelp size={15} aria-hidden="true" />}>
          {t("How to search")}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          <Text size="sm">{t("Upper and lower case are the same. Parts of words are found.")}</Text>
          <Text size="sm">{t("Several words must all stand in the same passage.")}</Text>
          <Text size="sm">{t("Quotes keep words together:")}</Text>
          <Code>"rm -rf"</Code>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

const examples = ["sudo", '"permission denied"', "error", "passwd"];

function Examples({ ask }: { ask: (query: string) => void }) {
  const t = useText();
  return (
    <EmptyState
      icon={<IconSearch aria-hidden="true" />}
      title={t("Find a word that was ever on a screen.")}
      hint={t("Commands and everything that terminals showed, in all sessions that you may see.")}
    >
      {examples.map((example) => (
        <Button key={example} variant="default" size="xs" className="mono" onClick={() => ask(example)}>
          {example}
        </Button>
      ))}
    </EmptyState>
  );
}

function NothingFound({ filters, onChange }: { filters: Filters; onChange: Change }) {
  const t = useText();
  const { q, kind, ...rest } = filters;
  const isNarrowed = Object.values(rest).some(Boolean);
  return (
    <EmptyState
      icon={<IconSearch aria-hidden="true" />}
      title={t("Nothing was found for “{query}”.", { query: q })}
      hint={t("Sessions of the last minute may not be in yet.")}
    >
      {kind && (
        <Anchor component="button" size="sm" onClick={() => onChange({ kind: "" })}>
          {t("Search commands and screens")}
        </Anchor>
      )}
      {isNarrowed && (
        <Anchor component="button" size="sm" onClick={() => onChange({ user: "", host: "", after: "", before: "" })}>
          {t("Search all people, hosts and times")}
        </Anchor>
      )}
    </EmptyState>
  );
}

function queryOf({ after, before, ...rest }: Filters): Query {
  return { ...rest, after: resolveTime(after), before: resolveTime(before) };
}
