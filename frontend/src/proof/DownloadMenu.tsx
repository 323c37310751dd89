import { Button, Menu, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import type { MouseEvent } from "react";
import { send } from "@/api/client";
import { problemOf } from "@/api/problem";
import type { Session } from "@/api/types";
import { useText } from "@/i18n/text";
import { showError } from "@/shell/notify";
import { type Download, downloadsOf } from "./downloads";

/** The files of a recording. What this person may not have stays in the menu, with the reason. */
export function DownloadMenu({ session }: { session: Session }) {
  const t = useText();
  return (
    <Menu position="bottom-end" width={320}>
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<IconDownload size={14} aria-hidden="true" />}>
          {t("Download")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("Each download is logged.")}</Menu.Label>
        {downloadsOf(session).map((download) => (
          <DownloadItem key={download.name} {...download} />
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function DownloadItem({ name, href, hint, refusal }: Download) {
  const t = useText();
  const content = (
    <>
      <Text size="sm" className="mono">
        {name}
      </Text>
      <Text size="xs" c="dimmed">
        {refusal ? t(refusal) : t(hint)}
      </Text>
    </>
  );
  if (refusal) {
    // Not `disabled`: what nobody can reach with the keyboard, nobody can read.
    return (
      <Menu.Item aria-disabled="true" closeMenuOnClick={false} c="dimmed" style={{ cursor: "not-allowed" }}>
        {content}
      </Menu.Item>
    );
  }
  return (
    <Menu.Item
      component="a"
      href={href}
      download
      onClick={(event: MouseEvent) => {
        event.preventDefault();
        void download(href).catch((error: unknown) => showError(t("{name} could not be downloaded.", { name }), error));
      }}
    >
      {content}
    </Menu.Item>
  );
}

/** The browser says nothing of why a download fails: ask first, which writes no line in the ledger. */
async function download(href: string): Promise<void> {
  const answer = await send("HEAD", href);
  if (!answer.ok) throw await problemOf(await send("GET", href));
  const link = document.createElement("a");
  link.href = href;
  link.download = "";
  link.click();
}
