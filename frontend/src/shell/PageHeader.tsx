import { Group, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";

interface PageHeaderProps {
  /** Already translated; it also becomes the tab's title. */
  title: string;
  /** Filters, beside the title. */
  filters?: ReactNode;
  /** Buttons, at the right end. */
  children?: ReactNode;
}

export function PageHeader({ title, filters, children }: PageHeaderProps) {
  useDocumentTitle(`${title} · Bastion`);
  return (
    <Group justify="space-between" gap="sm" mb="md" wrap="wrap">
      <Group gap="md" wrap="wrap" style={{ flex: 1, minWidth: 0 }}>
        <Title order={1}>{title}</Title>
        {filters}
      </Group>
      {children && <Group gap="sm">{children}</Group>}
    </Group>
  );
}
