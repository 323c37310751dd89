import { Button, Group, Menu, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconChevronLeft, IconDownload, IconPlugConnectedX } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { Session } from "@/api/types";
import { useText } from "@/i18n/text";
import { askToEndSession } from "@/sessions/endSession";
import { isRunning } from "@/sessions/length";
import { IdText } from "@/shell/IdText";
import { SessionState } from "@/shell/StateBadge";
import { TimeText } from "@/shell/TimeText";
import { downloadsOf } from "./Facts";

export function ReplayHeader({ session }: { session: Session }) {
  const t = useText();
  useDocumentTitle(`${session.user} → ${session.host} · Bastion`);
  const hints = {
    cast2: t("asciicast version 2, for asciinema players"),
    cast3: t("asciicast version 3"),
    raw: t("The bytes as the host sent them"),
    text: t("What was on the screen, as text"),
  };
  return (
    <Group justify="space-between" gap="sm">
      <Group gap="sm" style={{ minWidth: 0 }}>
        <Button
          component={Link}
          to="/sessions"
          size="compact-sm"
          variant="subtle"
          leftSection={<IconChevronLeft size={14} aria-hidden="true" />}
        >
          {t("Sessions")}
        </Button>
        <Title order={1} fz={17}>
          {session.user} → {session.host}
          {session.account && (
            <Text span inherit fw={400} c="dimmed">
              {" "}
              · {session.account}
            </Text>
          )}
        </Title>
        <SessionState session={session} />
        <Text size="sm" c="dimmed">
          <TimeText at={session.started_at} />
        </Text>
        <IdText id={session.id} path={`/sessions/${session.id}`} />
      </Group>
      <Group gap="xs">
        <Text size="xs" c="dimmed" visibleFrom="md">
          {t("Your view is logged.")}
        </Text>
        {isRunning(session) && session.actions.includes("terminate") && (
          <Button
            size="xs"
            color="red"
            leftSection={<IconPlugConnectedX size={14} aria-hidden="true" />}
            onClick={() => askToEndSession(session)}
          >
            {t("End session")}
          </Button>
        )}
        <Menu position="bottom-end" width={260}>
          <Menu.Target>
            <Button size="xs" variant="default" leftSection={<IconDownload size={14} aria-hidden="true" />}>
              {t("Download")}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {downloadsOf(session.id).map(({ href, name, hint }) => (
              <Menu.Item key={name} component="a" href={href} download>
                <Text size="sm" className="mono">
                  {name}
                </Text>
                <Text size="xs" c="dimmed">
                  {hints[hint]}
                </Text>
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      </Group>
    </Group>
  );
}
