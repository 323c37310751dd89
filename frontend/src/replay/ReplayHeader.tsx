import { ActionIcon, Button, Group, Menu, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import {
  IconChevronLeft,
  IconDots,
  IconFileText,
  IconGavel,
  IconPlugConnectedX,
  IconShieldCheck,
} from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { Session } from "@/api/types";
import { useText } from "@/i18n/text";
import { DownloadMenu } from "@/proof/DownloadMenu";
import { askToHold, useMayHold } from "@/proof/Holds";
import { SessionProof } from "@/proof/SessionProof";
import { askToEndSession } from "@/sessions/endSession";
import { isRunning } from "@/sessions/length";
import { IdText } from "@/shell/IdText";
import { usePageKey } from "@/shell/keys";
import { TimeText } from "@/shell/TimeText";

interface ReplayHeaderProps {
  session: Session;
  verify: () => void;
  isVerifying: boolean;
}

export function ReplayHeader({ session, verify, isVerifying }: ReplayHeaderProps) {
  const t = useText();
  useDocumentTitle(`${session.user} → ${session.host} · Bastion`);
  const hasRecording = session.proof !== "deleted" && session.proof !== "none";
  const canVerify = session.proof !== "none";
  usePageKey("v", t("Verify the recording"), () => canVerify && verify());
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
        <SessionProof session={session} />
        <Text size="sm" c="dimmed">
          <TimeText at={session.started_at} />
        </Text>
        <IdText id={session.id} path={`/sessions/${session.id}`} />
      </Group>
      <Group gap="xs">
        <Text size="xs" c="dimmed" visibleFrom="xl">
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
        {canVerify && (
          <Button
            size="xs"
            variant="default"
            loading={isVerifying}
            leftSection={<IconShieldCheck size={14} aria-hidden="true" />}
            onClick={verify}
          >
            {t("Verify")}
          </Button>
        )}
        {hasRecording && <DownloadMenu session={session} />}
        <MoreMenu session={session} canHold={hasRecording} />
      </Group>
    </Group>
  );
}

function MoreMenu({ session, canHold }: { session: Session; canHold: boolean }) {
  const t = useText();
  if (!useMayHold()) return null;
  return (
    <Menu position="bottom-end" width={200}>
      <Menu.Target>
        <ActionIcon size={30} variant="default" aria-label={t("More about this session")}>
          <IconDots size={16} aria-hidden="true" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {canHold && (
          <Menu.Item leftSection={<IconGavel size={15} aria-hidden="true" />} onClick={() => askToHold(session)}>
            {t("Place hold")}
          </Menu.Item>
        )}
        <Menu.Item
          component={Link}
          to="/audit"
          search={{ session: session.id } as never}
          leftSection={<IconFileText size={15} aria-hidden="true" />}
        >
          {t("Audit trail")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
