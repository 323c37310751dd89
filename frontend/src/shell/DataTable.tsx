import { Box, Group, Stack, Table, UnstyledButton } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { type KeyboardEvent, type ReactNode, useRef } from "react";
import { useText } from "@/i18n/text";
import { type Density, usePreferences } from "@/preferences";
import classes from "./DataTable.module.css";
import { usePageKey } from "./keys";

export interface Column<T> {
  key: string;
  /** Already translated. */
  header: string;
  render: (row: T) => ReactNode;
  width?: number | string;
  /** Shown from this width on: sm is 768 px, md 992 px, lg 1200 px, xl 1408 px. */
  from?: "sm" | "md" | "lg" | "xl";
  align?: "left" | "right";
  /** Where the column stands on a narrow page: its first line, its second line, at its end, or nowhere. */
  narrow?: "first" | "second" | "end";
}

interface DataTableProps<T> {
  /** What the table lists, for screen readers; already translated. */
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  /** What Enter and a click on the row do. */
  onOpen?: (row: T) => void;
  /** The rows belong to the filter before; they stay, dimmed, until others come. */
  isStale?: boolean;
}

const spacing: Record<Density, number> = { compact: 4, normal: 6, roomy: 10 };

/** Rows of one height with `j` and `k`; on a narrow page each becomes an item of two lines. */
export function DataTable<T>({ label, columns, rows, rowKey, onOpen, isStale = false }: DataTableProps<T>) {
  const t = useText();
  const { density } = usePreferences();
  const isNarrow = useMediaQuery("(max-width: 640px)", undefined, { getInitialValueInEffect: false });
  const body = useRef<HTMLElement>(null);
  const move = (step: number) => {
    const items = Array.from(body.current?.querySelectorAll<HTMLElement>("[data-row]") ?? []);
    const at = items.findIndex((item) => item.contains(document.activeElement));
    items[at < 0 ? 0 : Math.min(Math.max(at + step, 0), items.length - 1)]?.focus();
  };
  usePageKey("j", t("Next row"), () => move(1));
  usePageKey("k", t("Row before"), () => move(-1));
  const rowProps = (row: T) => ({
    "data-row": true,
    tabIndex: -1,
    className: onOpen ? classes.openable : undefined,
    onClick: (event: React.MouseEvent<HTMLElement>) => {
      const isControl = (event.target as Element).closest("a, button, input, label, [role=menu], [role=dialog]");
      const isSelecting = (window.getSelection()?.toString() ?? "") !== "";
      if (onOpen && !isControl && !isSelecting) {
        onOpen(row);
      }
    },
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => {
      if (event.key === "Enter" && event.target === event.currentTarget) {
        event.preventDefault();
        onOpen?.(row);
      }
    },
  });
  const shared = { label, columns, rows, rowKey, rowProps };
  return (
    <Box ref={body as React.RefObject<HTMLDivElement>} style={{ opacity: isStale ? 0.55 : 1 }} aria-busy={isStale}>
      {isNarrow ? <NarrowList {...shared} /> : <WideTable {...shared} verticalSpacing={spacing[density]} />}
    </Box>
  );
}

interface BodyProps<T> extends Pick<DataTableProps<T>, "label" | "columns" | "rows" | "rowKey"> {
  rowProps: (row: T) => object;
}

function WideTable<T>({
  label,
  columns,
  rows,
  rowKey,
  rowProps,
  verticalSpacing,
}: BodyProps<T> & { verticalSpacing: number }) {
  return (
    <Table
      stickyHeader
      stickyHeaderOffset={44}
      tabularNums
      highlightOnHover
      verticalSpacing={verticalSpacing}
      aria-label={label}
    >
      <Table.Thead>
        <Table.Tr>
          {columns.map((column) => (
            <Table.Th
              key={column.key}
              w={column.width}
              ta={column.align ?? "left"}
              visibleFrom={column.from}
              scope="col"
            >
              {column.header}
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((row) => (
          <Table.Tr key={rowKey(row)} {...rowProps(row)}>
            {columns.map((column) => (
              <Table.Td key={column.key} ta={column.align ?? "left"} visibleFrom={column.from} className={classes.cell}>
                {column.render(row)}
              </Table.Td>
            ))}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function NarrowList<T>({ label, columns, rows, rowKey, rowProps }: BodyProps<T>) {
  const at = (place: Column<T>["narrow"]) => columns.filter((column) => column.narrow === place);
  return (
    <Stack gap={0} component="ul" m={0} p={0} aria-label={label} className={classes.list}>
      {rows.map((row) => (
        <Box component="li" key={rowKey(row)} {...rowProps(row)} py="sm">
          <Group justify="space-between" wrap="nowrap" gap="sm">
            <Box style={{ minWidth: 0 }}>
              <Group gap={6} wrap="wrap">
                {at("first").map((column) => (
                  <Box key={column.key}>{column.render(row)}</Box>
                ))}
              </Group>
              <Group gap="sm" fz="xs" c="dimmed" wrap="wrap">
                {at("second").map((column) => (
                  <Box key={column.key}>{column.render(row)}</Box>
                ))}
              </Group>
            </Box>
            <Group gap={6} wrap="nowrap" style={{ flexShrink: 0 }}>
              {at("end").map((column) => (
                <Box key={column.key}>{column.render(row)}</Box>
              ))}
            </Group>
          </Group>
        </Box>
      ))}
    </Stack>
  );
}

/** The name of a row, as a button that does what a click on the row does: for keyboards and screen readers. */
export function RowName({ children, onClick }: { children: ReactNode; onClick: () => void }) {
  return (
    <UnstyledButton className={classes.name} onClick={onClick}>
      {children}
    </UnstyledButton>
  );
}
