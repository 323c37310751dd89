import { Button, Menu } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { apiUrl, type Query } from "@/api/client";
import { useText } from "@/i18n/text";

/** All rows of the filter, not only those on the page, as the server streams them. */
export function ExportMenu({ path, query }: { path: string; query: Query }) {
  const t = useText();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<IconDownload size={14} aria-hidden="true" />}>
          {t("Export")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("Everything that the filter finds")}</Menu.Label>
        <Menu.Item component="a" href={apiUrl(path, { ...query, format: "csv" })} download>
          {t("CSV, for spreadsheets")}
        </Menu.Item>
        <Menu.Item component="a" href={apiUrl(path, { ...query, format: "jsonl" })} download>
          {t("JSON Lines, for programs")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
