import { useDebouncedValue } from "@mantine/hooks";
import { Spotlight, spotlight } from "@mantine/spotlight";
import { IconHistory, IconSearch, IconServer, type TablerIcon } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Page } from "@/api/client";
import type { Host, Session } from "@/api/types";
import { useFormats } from "@/i18n/formats";
import { useText } from "@/i18n/text";

interface PaletteProps {
  sections: readonly { to: string; label: string; icon: TablerIcon }[];
}

/** Any page, host or session in one query. Ids, beginnings of ids and pasted addresses of sessions are found too. */
export function Palette({ sections }: PaletteProps) {
  const t = useText();
  const formats = useFormats();
  const navigate = useNavigate();
  const [query, setQuery] = useState("");
  const [asked] = useDebouncedValue(query.trim(), 150);
  const hosts = useFound<Host>("hosts/", asked);
  const sessions = useFound<Session>("sessions/", sessionQuery(asked));
  const wanted = query.trim().toLocaleLowerCase();
  const pages = sections.filter((section) => t(section.label).toLocaleLowerCase().includes(wanted));
  const go =
    (to: string, search: Record<string, string> = {}) =>
    () =>
      void navigate({ to, search: search as never });

  return (
    <Spotlight.Root query={query} onQueryChange={setQuery} shortcut="mod + K" maxHeight={420} scrollable>
      <Spotlight.Search
        placeholder={t("Search, or jump to a host, session, id")}
        leftSection={<IconSearch size={17} aria-hidden="true" />}
      />
      <Spotlight.ActionsList>
        {hosts.length > 0 && (
          <Spotlight.ActionsGroup label={t("Connect to")}>
            {hosts.map((host) => (
              <Spotlight.Action
                key={host.id}
                leftSection={<IconServer size={17} aria-hidden="true" />}
                label={host.name}
                description={`${host.account}@${host.address}:${host.port}`}
                onClick={go("/terminals", { host: host.id })}
              />
            ))}
          </Spotlight.ActionsGroup>
        )}
        {sessions.length > 0 && (
          <Spotlight.ActionsGroup label={t("Sessions")}>
            {sessions.map((session) => (
              <Spotlight.Action
                key={session.id}
                leftSection={<IconHistory size={17} aria-hidden="true" />}
                label={`${session.user} → ${session.host}`}
                description={`${formats.exact(session.started_at)} · ${session.id.slice(0, 8)}`}
                onClick={go(`/sessions/${session.id}`)}
              />
            ))}
          </Spotlight.ActionsGroup>
        )}
        {asked && (
          <Spotlight.Action
            leftSection={<IconSearch size={17} aria-hidden="true" />}
            label={t("Search “{query}” in all recordings", { query: asked })}
            onClick={go("/search", { q: asked })}
          />
        )}
        {pages.length > 0 && (
          <Spotlight.ActionsGroup label={t("Go to")}>
            {pages.map(({ to, label, icon: Icon }) => (
              <Spotlight.Action
                key={to}
                leftSection={<Icon size={17} aria-hidden="true" />}
                label={t(label)}
                onClick={go(to)}
              />
            ))}
          </Spotlight.ActionsGroup>
        )}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  );
}

/** A pasted address of a session stands for its id. */
function sessionQuery(query: string): string {
  return /\/sessions\/([0-9a-f-]{8,36})/i.exec(query)?.[1] ?? query;
}

function useFound<T extends Host | Session>(path: "hosts/" | "sessions/", query: string): T[] {
  const filter = path === "hosts/" ? { action: "connect" } : {};
  const found = useQuery({
    queryKey: ["palette", path, query],
    queryFn: ({ signal }) => api.get<Page<T>>(path, { q: query, page_size: 5, ...filter }, signal),
    enabled: query.length > 0,
    placeholderData: keepPreviousData,
  });
  return query.length > 0 ? (found.data?.results ?? []) : [];
}

export { spotlight as palette };
