import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { api } from "@/api/client";
import { fetchAll } from "@/api/pages";
import { isNotFound } from "@/api/problem";
import type { Command, Session } from "@/api/types";
import { useText } from "@/i18n/text";
import { NotFoundPage } from "@/shell/ErrorPages";
import { ErrorAlert, LoadingRows } from "@/shell/Feedback";
import { ReplayView } from "./ReplayView";

const refreshEvery = 5_000;

export default function ReplayPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  // Another session is another page: nothing of the one before may stay.
  return <SessionReplay key={id} id={id} />;
}

function SessionReplay({ id }: { id: string }) {
  const t = useText();
  const session = useQuery({
    queryKey: ["sessions", id],
    queryFn: ({ signal }) => api.get<Session>(`sessions/${encodeURIComponent(id)}/`, {}, signal),
    refetchInterval: ({ state }) => (state.data && !state.data.indexed ? refreshEvery : false),
  });
  const commands = useQuery({
    // Once more when all are found: the last ones come after the end.
    queryKey: ["sessions", id, "commands", session.data?.indexed],
    placeholderData: keepPreviousData,
    queryFn: () => fetchAll<Command>(`sessions/${encodeURIComponent(id)}/commands/`),
    enabled: session.isSuccess && session.data.proof !== "deleted",
    refetchInterval: session.data && !session.data.indexed ? refreshEvery : false,
  });
  if (session.isError && !session.data) {
    if (isNotFound(session.error)) return <NotFoundPage />;
    return (
      <ErrorAlert
        error={session.error}
        title={t("The session could not be fetched.")}
        retry={() => void session.refetch()}
      />
    );
  }
  // The page does without commands when they cannot be had.
  const isWaiting = commands.isLoading && commands.failureCount === 0;
  if (!session.data || isWaiting) return <LoadingRows rows={10} height={36} />;
  return <ReplayView session={session.data} commands={commands.data ?? []} />;
}
