import { Tooltip, UnstyledButton } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import type { MouseEvent } from "react";
import { useText } from "@/i18n/text";

interface IdTextProps {
  id: string;
  /** The page of the object, e.g. `/sessions/<id>`: a click copies its full URL, Alt-click the bare id. */
  path?: string;
}

export function IdText({ id, path }: IdTextProps) {
  const t = useText();
  const clipboard = useClipboard({ timeout: 1500 });
  const copy = (event: MouseEvent) => {
    event.stopPropagation();
    event.preventDefault();
    clipboard.copy(path && !event.altKey ? new URL(path, window.location.origin).href : id);
  };
  const hint = path ? t("Copy link; with Alt, copy the id") : t("Copy id");
  return (
    <Tooltip label={clipboard.copied ? t("Copied") : hint} openDelay={clipboard.copied ? 0 : 300}>
      <UnstyledButton
        className="mono"
        onClick={copy}
        aria-label={t("Copy id {id}", { id })}
        style={{ lineHeight: 1.6 }}
      >
        {id.slice(0, 8)}
      </UnstyledButton>
    </Tooltip>
  );
}
