import { ActionIcon, Badge, Button, Group, Text, Tooltip } from "@mantine/core";
import { IconStar, IconStarFilled, IconTerminal2 } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import type { Host } from "@/api/types";
import { useFormats } from "@/i18n/formats";
import { msg, useText } from "@/i18n/text";
import { type Column, DataTable, RowName } from "@/shell/DataTable";
import { StateBadge } from "@/shell/StateBadge";
import { TimeText } from "@/shell/TimeText";
import type { useRememberedHosts } from "./remembered";

const soon = 15 * 60 * 1000;

const inputPolicies: Record<Host["input_policy"], string> = {
  off: msg("Output only"),
  masked: msg("Input masked"),
  full: msg("Input in full"),
};

interface HostTableProps {
  hosts: Host[];
  remembered: ReturnType<typeof useRememberedHosts>;
  isStale: boolean;
}

/** Hosts with what one may do there; a row, its name and its button connect at once. */
export function HostTable({ hosts, remembered, isStale }: HostTableProps) {
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
