import { ActionIcon, Badge, Button, Group, Select, Text, Tooltip } from "@mantine/core";
import { IconServer, IconStar, IconStarFilled, IconTerminal2 } from "@tabler/icons-react";
import { useQueries } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { api } from "@/api/client";
import { useMe } from "@/api/me";
import { useRows } from "@/api/pages";
import type { Host, HostGroup } from "@/api/types";
import { useFormats } from "@/i18n/formats";
import { msg, useText } from "@/i18n/text";
import { type Column, DataTable, RowName } from "@/shell/DataTable";
import { EmptyState, ErrorAlert, LoadingRows, LoadMore } from "@/shell/Feedback";
import { FilterBox } from "@/shell/FilterBox";
import { PageHeader } from "@/shell/PageHeader";
import { StateBadge } from "@/shell/StateBadge";
import { TimeText } from "@/shell/TimeText";
import { useUrlState } from "@/url";
import { useRememberedHosts } from "./remembered";

const soon = 15 * 60 * 1000;

const inputPolicies: Record<Host["input_policy"], string> = {
  off: msg("Output only"),
  masked: msg("Input masked"),
  full: msg("Input in full"),
};

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

interface HostTableProps {
  hosts: Host[];
  remembered: ReturnType<typeof useRememberedHosts>;
  isStale: boolean;
}

function HostTable({ hosts, remembered, isStale }: HostTableProps) {
  const t = useText();
  const navigate = useNavigate();
  const connect = (host: Host) => {
    if (refusalOf(host) === null) {
      remembered.noteUse(host.id);
      void navigate({ to: "/terminals", search: { host: host.id } as never });
    }
  };
  const columns: Column<Host>[] = [
    {
      key: "favourite",
      header: "★",
      width: 40,
      narrow: "first",
      render: (host) => <FavouriteStar host={host} remembered={remembered} />,
    },
    { key: "name", header: t("Name"), narrow: "first", render: (host) => <HostName host={host} connect={connect} /> },
    {
      key: "address",
      header: t("Address"),
      narrow: "second",
      render: (host) => (
        <span className="mono">
          {host.address}
          {host.port !== 22 && `:${host.port}`}
        </span>
      ),
    },
    {
      key: "groups",
      header: t("Groups"),
      from: "md",
      render: (host) => host.groups.map((group) => group.name).join(" · "),
    },
    { key: "labels", header: t("Labels"), from: "xl", render: (host) => <Labels labels={host.labels} /> },
    { key: "policy", header: t("Recorded"), from: "md", render: (host) => t(inputPolicies[host.input_policy]) },
    {
      key: "until",
      header: t("Access until"),
      from: "sm",
      narrow: "second",
      render: (host) => <AccessUntil host={host} />,
    },
    {
      key: "connect",
      header: "",
      width: 210,
      align: "right",
      narrow: "end",
      render: (host) => <ConnectButton host={host} note={() => remembered.noteUse(host.id)} />,
    },
  ];
  return (
    <DataTable
      label={t("Hosts")}
      columns={columns}
      rows={hosts}
      rowKey={(host) => host.id}
      onOpen={connect}
      isStale={isStale}
    />
  );
}

function HostName({ host, connect }: { host: Host; connect: (host: Host) => void }) {
  const t = useText();
  return (
    <Group gap={6} wrap="nowrap">
      {refusalOf(host) === null ? (
        <RowName onClick={() => connect(host)}>{host.name}</RowName>
      ) : (
        <Text fz="inherit" fw={600}>
          {host.name}
        </Text>
      )}
      {host.is_demo && (
        <Tooltip label={t("Runs on this machine as the same system user. For trying out only.")}>
          <Badge color="brand">{t("Demo")}</Badge>
        </Tooltip>
      )}
    </Group>
  );
}

function FavouriteStar({ host, remembered }: { host: Host; remembered: ReturnType<typeof useRememberedHosts> }) {
  const t = useText();
  const isOn = remembered.isFavourite(host.id);
  return (
    <ActionIcon
      size={24}
      aria-label={t("Favourite: {name}", { name: host.name })}
      aria-pressed={isOn}
      onClick={() => remembered.toggleFavourite(host.id)}
      color={isOn ? "yellow" : "gray"}
    >
      {isOn ? <IconStarFilled size={16} aria-hidden="true" /> : <IconStar size={16} aria-hidden="true" />}
    </ActionIcon>
  );
}

function Labels({ labels }: { labels: Record<string, string> }) {
  return (
    <Group gap={4} wrap="nowrap">
      {Object.entries(labels).map(([name, value]) => (
        <Badge key={name} color="gray">
          {value ? `${name}:${value}` : name}
        </Badge>
      ))}
    </Group>
  );
}

function AccessUntil({ host }: { host: Host }) {
  const t = useText();
  const { clock } = useFormats();
  if (!host.actions.includes("connect")) {
    return <>–</>;
  }
  if (!host.access_until) {
    return <>{t("No end")}</>;
  }
  const isSoon = new Date(host.access_until).getTime() - Date.now() < soon;
  return isSoon ? (
    <StateBadge kind="warning" word={t("Ends at {time}", { time: clock(host.access_until) })} />
  ) : (
    <TimeText at={host.access_until} />
  );
}

/** Why one cannot connect, as a message; null when one can. */
function refusalOf(host: Host): string | null {
  if (!host.actions.includes("connect")) {
    return msg("No grant to connect");
  }
  if (!host.enabled) {
    return msg("Disabled");
  }
  return host.key_state === "missing" ? msg("No host key pinned") : null;
}

function ConnectButton({ host, note }: { host: Host; note: () => void }) {
  const t = useText();
  const refusal = refusalOf(host);
  if (refusal !== null) {
    return (
      <Text size="sm" c="dimmed">
        {t(refusal)}
      </Text>
    );
  }
  return (
    <Button
      component={Link}
      to="/terminals"
      search={{ host: host.id } as never}
      size="compact-sm"
      variant="light"
      leftSection={<IconTerminal2 size={14} aria-hidden="true" />}
      aria-label={
        host.account
          ? t("Connect as {account} to {name}", { account: host.account, name: host.name })
          : t("Connect to {name}", { name: host.name })
      }
      onClick={note}
    >
      {host.account ? t("Connect as {account}", { account: host.account }) : t("Connect")}
    </Button>
  );
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
