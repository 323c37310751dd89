import { ActionIcon, Button, Group, Menu } from "@mantine/core";
import { IconDots, IconPlus } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Query } from "@/api/client";
import { useRows } from "@/api/pages";
import type { ApiPath } from "@/api/types";
import { useText } from "@/i18n/text";
import { type Column, DataTable } from "@/shell/DataTable";
import { EmptyState, ErrorAlert, LoadingRows, LoadMore } from "@/shell/Feedback";
import { FilterBox } from "@/shell/FilterBox";
import { usePageKey } from "@/shell/keys";

interface SectionListProps<T> {
  path: ApiPath;
  /** All texts already translated. */
  label: string;
  newLabel: string;
  emptyTitle: string;
  emptyHint: string;
  /** Of the filter by words; a list without `setQ` has none. */
  placeholder?: string;
  q?: string;
  setQ?: (q: string) => void;
  /** More filters: their controls, and what they say to the server. */
  filters?: ReactNode;
  query?: Query;
  columns: readonly Column<T>[];
  /** What a click on a row does, if anything. */
  open?: (row: T) => void;
  create: () => void;
}

/** The list of one kind of object: filter, one primary button, rows that open their form. */
export function SectionList<T extends { id: string | number }>(props: SectionListProps<T>) {
  const { path, label, newLabel, emptyTitle, emptyHint, placeholder = "", q = "", setQ } = props;
  const { filters, columns, open, create } = props;
  const t = useText();
  const list = useRows<T>(path, { q, ...props.query });
  usePageKey("n", newLabel, create);
  return (
    <>
      <Group justify="space-between" mb="sm" gap="sm" wrap="nowrap" align="flex-start">
        <Group gap="sm" style={{ flex: 1, minWidth: 0 }}>
          {setQ && <FilterBox value={q} onChange={setQ} placeholder={placeholder} />}
          {filters}
        </Group>
        <Button
          size="xs"
          style={{ flexShrink: 0 }}
          leftSection={<IconPlus size={14} aria-hidden="true" />}
          onClick={create}
        >
          {newLabel}
        </Button>
      </Group>
      {list.error && (
        <ErrorAlert error={list.error} title={t("The list could not be fetched.")} retry={() => void list.refetch()} />
      )}
      {list.isPending && <LoadingRows />}
      {list.rows.length > 0 && (
        <DataTable
          label={label}
          columns={columns}
          rows={list.rows}
          rowKey={(row) => String(row.id)}
          {...(open && { onOpen: open })}
          isStale={list.isPlaceholderData}
        />
      )}
      {list.isSuccess && list.rows.length === 0 && (
        <EmptyState
          title={q ? t("Nothing matches “{q}”.", { q }) : emptyTitle}
          hint={q ? t("The filter looks at names and what belongs to them.") : emptyHint}
        >
          {q ? (
            <Button variant="default" onClick={() => setQ?.("")}>
              {t("Clear filter")}
            </Button>
          ) : (
            <Button onClick={create}>{newLabel}</Button>
          )}
        </EmptyState>
      )}
      <LoadMore {...list} />
    </>
  );
}

/** The `…` at the end of a row. `name` is of the object, for screen readers. */
export function RowMenu({ name, children }: { name: string; children: ReactNode }) {
  const t = useText();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon size={24} aria-label={t("More about {name}", { name })}>
          <IconDots size={16} aria-hidden="true" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>{children}</Menu.Dropdown>
    </Menu>
  );
}
