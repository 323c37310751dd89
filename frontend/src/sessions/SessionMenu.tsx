import { ActionIcon, Menu } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconDots, IconFileText, IconGavel, IconLink, IconPlayerPlay, IconPlugConnectedX } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { Session } from "@/api/types";
import { useText } from "@/i18n/text";
import { askToHold, useMayHold } from "@/proof/Holds";
import { askToEndSession } from "./endSession";
import { isRunning } from "./length";

export function SessionMenu({ session }: { session: Session }) {
  const t = useText();
  const mayAudit = useMayHold();
  const clipboard = useClipboard();
  const mayEnd = isRunning(session) && session.actions.includes("terminate");
  return (
    <Menu position="bottom-end" width={200}>
      <Menu.Target>
        <ActionIcon size={24} my={-3} aria-label={t("Actions for session {id}", { id: session.id.slice(0, 8) })}>
          <IconDots size={16} aria-hidden="true" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          component={Link}
          to={`/sessions/${session.id}`}
          leftSection={<IconPlayerPlay size={15} aria-hidden="true" />}
        >
          {t("Open replay")}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconLink size={15} aria-hidden="true" />}
          onClick={() => clipboard.copy(new URL(`/sessions/${session.id}`, window.location.origin).href)}
        >
          {t("Copy link")}
        </Menu.Item>
        {mayAudit && (
          <Menu.Item
            component={Link}
            to="/audit"
            search={{ session: session.id } as never}
            leftSection={<IconFileText size={15} aria-hidden="true" />}
          >
            {t("Audit trail")}
          </Menu.Item>
        )}
        {mayAudit && session.proof !== "deleted" && session.proof !== "none" && (
          <Menu.Item leftSection={<IconGavel size={15} aria-hidden="true" />} onClick={() => askToHold(session)}>
            {t("Place hold")}
          </Menu.Item>
        )}
        {mayEnd && (
          <Menu.Item
            color="var(--mantine-color-error)"
            leftSection={<IconPlugConnectedX size={15} aria-hidden="true" />}
            onClick={() => askToEndSession(session)}
          >
            {t("End session")}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
