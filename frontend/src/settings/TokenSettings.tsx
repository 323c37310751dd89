import { Button, Group, Stack, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { useRemove } from "@/admin/requests";
import { useRows } from "@/api/pages";
import type { Token } from "@/api/types";
import { useText } from "@/i18n/text";
import { type Column, DataTable } from "@/shell/DataTable";
import { EmptyState, ErrorAlert, LoadingRows, LoadMore } from "@/shell/Feedback";
import { StateBadge } from "@/shell/StateBadge";
import { TimeText } from "@/shell/TimeText";
import { TokenForm } from "./TokenForm";

export function TokenSettings() {
  const t = useText();
  const [isCreating, setCreating] = useState(false);
  const list = useRows<Token>("tokens/");
  return (
    <Stack gap="md">
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Text size="sm" c="dimmed">
          {t("A token lets a program act as you, within its scopes, until it expires. It is shown once.")}
        </Text>
        <Button
          size="xs"
          style={{ flexShrink: 0 }}
          leftSection={<IconPlus size={14} aria-hidden="true" />}
          onClick={() => setCreating(true)}
        >
          {t("New token")}
        </Button>
      </Group>
      {list.error && (
        <ErrorAlert error={list.error} title={t("The tokens could not be listed.")} retry={() => void list.refetch()} />
      )}
      {list.isPending && <LoadingRows rows={3} />}
      {list.rows.length > 0 && <TokenTable tokens={list.rows} />}
      {list.isSuccess && list.rows.length === 0 && <EmptyState title={t("No token yet.")} />}
      <LoadMore {...list} />
      {isCreating && <TokenForm close={() => setCreating(false)} />}
    </Stack>
  );
}

function TokenTable({ tokens }: { tokens: Token[] }) {
  const t = useText();
  const columns: Column<Token>[] = [
    { key: "name", header: t("Name"), narrow: "first", render: (token) => token.name },
    {
      key: "scopes",
      header: t("Scopes"),
      narrow: "second",
      render: (token) => <span className="mono">{token.scopes.join(" ")}</span>,
    },
    { key: "expires", header: t("Expires"), narrow: "second", render: (token) => <Expiry token={token} /> },
    {
      key: "used",
      header: t("Last used"),
      from: "md",
      render: (token) =>
        token.last_used_at ? (
          <>
            <TimeText at={token.last_used_at} /> <span className="mono">{token.last_used_from}</span>
          </>
        ) : (
          t("Never")
        ),
    },
    {
      key: "revoke",
      header: "",
      align: "right",
      width: 110,
      narrow: "end",
      render: (token) => <Revoke token={token} />,
    },
  ];
  return <DataTable label={t("API tokens")} columns={columns} rows={tokens} rowKey={(token) => token.id} />;
}

function Expiry({ token }: { token: Token }) {
  const t = useText();
  if (token.revoked_at) {
    return <StateBadge kind="sealed" word={t("Revoked")} />;
  }
  return Date.parse(token.expires_at) < Date.now() ? (
    <StateBadge kind="sealed" word={t("Expired")} />
  ) : (
    <TimeText at={token.expires_at} />
  );
}

function Revoke({ token }: { token: Token }) {
  const t = useText();
  const remove = useRemove();
  if (token.revoked_at) {
    return null;
  }
  return (
    <Button
      size="compact-sm"
      variant="default"
      aria-label={t("Revoke {name}", { name: token.name })}
      onClick={() =>
        remove({
          path: `tokens/${token.id}/`,
          title: t("Revoke the token {name}?", { name: token.name }),
          effect: t("Programs that use it are refused from then on, and what they have open ends within 5 s."),
          confirm: t("Revoke token"),
          done: t("The token {name} is revoked.", { name: token.name }),
        })
      }
    >
      {t("Revoke")}
    </Button>
  );
}
