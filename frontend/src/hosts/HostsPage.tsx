import { Button, Select } from "@mantine/core";
import { IconServer, IconStar } from "@tabler/icons-react";
import { useQueries } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api } from "@/api/client";
import { useMe } from "@/api/me";
import { useRows } from "@/api/pages";
import type { Host, HostGroup } from "@/api/types";
import { useText } from "@/i18n/text";
import { EmptyState, ErrorAlert, LoadingRows, LoadMore } from "@/shell/Feedback";
import { FilterBox } from "@/shell/FilterBox";
import { PageHeader } from "@/shell/PageHeader";
import { useUrlState } from "@/url";
import { HostTable } from "./HostTable";
import { useRememberedHosts } from "./remembered";

export default function HostsPage() {
  const t = useText();
  const me = useMe();
  const [state, setState] = useUrlState({ q: "", group: "", only: "" });
  const remembered = useRememberedHosts(me.id);
  const list = useRows<Host>("hosts/", { q: state.q, group: state.group, page_size: 200 });
  const groups = useRows<HostGroup>("host-groups/", { page_size: 200 });
  const isFiltered = state.q !== "" || state.group !== "";
  const hosts = useOrdered(list.rows, remembered, !isFiltered).filter(
    (host) => state.only !== "favourites" || remembered.isFavourite(host.id),
  );
  const clear = () => setState({ q: "", group: "", only: "" });

  return (
    <>
      <PageHeader
        title={t("Hosts")}
        filters={
          <>
            <FilterBox
              value={state.q}
              onChange={(q) => setState({ q }, { replace: true })}
              placeholder={t("Name, address or group")}
            />
            {groups.rows.length > 0 && (
              <Select
                size="xs"
                w={170}
                clearable
                searchable
                placeholder={t("All groups")}
                aria-label={t("Group")}
                data={groups.rows.map((group) => ({ value: group.id, label: group.name }))}
                value={state.group || null}
                onChange={(group) => setState({ group: group ?? "" })}
              />
            )}
            <Button
              size="xs"
              variant={state.only ? "light" : "default"}
              aria-pressed={state.only !== ""}
              leftSection={<IconStar size={14} aria-hidden="true" />}
              onClick={() => setState({ only: state.only ? "" : "favourites" })}
            >
              {t("Favourites")}
            </Button>
          </>
        }
      />
      {list.error && (
        <ErrorAlert error={list.error} title={t("The hosts could not be listed.")} retry={() => void list.refetch()} />
      )}
      {list.isPending && <LoadingRows />}
      {hosts.length > 0 && <HostTable hosts={hosts} remembered={remembered} isStale={list.isPlaceholderData} />}
      {list.isSuccess && hosts.length === 0 && (isFiltered || state.only) && (
        <EmptyState title={t("No host matches.")} hint={t("The filter leaves nothing of the hosts that you can see.")}>
          <Button variant="default" onClick={clear}>
            {t("Clear filter")}
          </Button>
        </EmptyState>
      )}
      {list.isSuccess && hosts.length === 0 && !isFiltered && !state.only && <NoHostYet isAdmin={me.is_admin} />}
      <LoadMore {...list} />
    </>
  );
}

/** Favourites first, then what was used last, then all by name; favourites of later pages are fetched by themselves. */
function useOrdered(
  rows: Host[],
  { favourites, recent }: { favourites: string[]; recent: string[] },
  isWhole: boolean,
): Host[] {
  const first = [...new Set([...favourites, ...recent])];
  const known = new Set(rows.map((host) => host.id));
  const missing = isWhole ? first.filter((id) => !known.has(id)) : [];
  const fetched = useQueries({
    queries: missing.map((id) => ({
      queryKey: ["hosts/", id],
      queryFn: () => api.get<Host>(`hosts/${id}/`),
      retry: false,
    })),
  });
  const all = [...rows, ...fetched.flatMap((query) => (query.data ? [query.data] : []))];
  const rank = (host: Host) => {
    const at = first.indexOf(host.id);
    return at < 0 ? first.length : at;
  };
  return all.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

function NoHostYet({ isAdmin }: { isAdmin: boolean }) {
  const t = useText();
  return (
    <EmptyState
      icon={<IconServer />}
      title={t("No host is open to you yet.")}
      hint={
        isAdmin
          ? t("Add a host, pin its key, store a credential and give somebody a grant.")
          : t("An administrator can give you access with a grant.")
      }
    >
      {isAdmin && (
        <Button component={Link} to="/admin/hosts">
          {t("Add a host")}
        </Button>
      )}
    </EmptyState>
  );
}
