import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, type Page, type Query } from "@/api/client";
import { useRows } from "@/api/pages";
import type { Session } from "@/api/types";

const refreshEvery = 10_000;

/**
 * The sessions of a filter, newest first. Rows that are shown keep their places and follow their sessions' states;
 * sessions that started since are counted in `newer` and wait until they are asked for.
 */
export function useSessions(query: Query) {
  const listed = useRows<Session>("sessions/", query);
  const newest = useQuery({
    queryKey: ["sessions/ newest", query],
    queryFn: ({ signal }) => api.get<Page<Session>>("sessions/", query, signal),
    refetchInterval: refreshEvery,
    enabled: listed.isSuccess && !listed.isPlaceholderData,
  });
  const fresh = newest.data?.results;
  const rows = useMemo(() => {
    const byId = new Map(fresh?.map((session) => [session.id, session]));
    return listed.rows.map((session) => byId.get(session.id) ?? session);
  }, [listed.rows, fresh]);
  const first = listed.rows[0]?.started_at ?? "";
  const shown = new Set(listed.rows.map(({ id }) => id));
  const newer = fresh?.filter((session) => session.started_at >= first && !shown.has(session.id)).length ?? 0;
  return { ...listed, rows, newer: listed.isPlaceholderData ? 0 : newer, showNewer: listed.refetch };
}
