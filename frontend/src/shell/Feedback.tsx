import {
  Alert,
  Button,
  CopyButton,
  Group,
  EmptyState as MantineEmptyState,
  Skeleton,
  Stack,
  Text,
} from "@mantine/core";
import { useTimeout } from "@mantine/hooks";
import { IconAlertCircle } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { Problem } from "@/api/problem";
import { translateServerWords } from "@/i18n/serverWords";
import { useText } from "@/i18n/text";

interface ErrorAlertProps {
  error: unknown;
  /** What failed, already translated; the problem's own title when left out. */
  title?: string;
  retry?: () => void;
}

/** What failed, why, and the request id that an administrator can look up. */
export function ErrorAlert({ error, title, retry }: ErrorAlertProps) {
  const t = useText();
  const problem = error instanceof Problem ? error : undefined;
  const reason = translateServerWords(error instanceof Error ? error.message : String(error), t);
  const heading = title ?? problem?.title ?? t("That did not work.");
  return (
    <Alert color="red" title={heading} icon={<IconAlertCircle aria-hidden="true" />} role="alert" my="sm">
      <Stack gap="sm" align="flex-start">
        {reason !== heading && <Text size="sm">{reason}</Text>}
        <Group gap="sm">
          {retry && (
            <Button size="xs" variant="default" onClick={retry}>
              {t("Try again")}
            </Button>
          )}
          {problem?.requestId && <CopyRequestId id={problem.requestId} />}
        </Group>
      </Stack>
    </Alert>
  );
}

function CopyRequestId({ id }: { id: string }) {
  const t = useText();
  return (
    <CopyButton value={id}>
      {({ copied, copy }) => (
        <Button size="xs" variant="default" onClick={copy}>
          {copied ? t("Copied") : t("Copy request id {id}", { id: id.slice(0, 8) })}
        </Button>
      )}
    </CopyButton>
  );
}

interface EmptyStateProps {
  /** All already translated. */
  title: string;
  hint?: ReactNode;
  icon?: ReactNode;
  /** The next step, as buttons or links. */
  children?: ReactNode;
}

export function EmptyState({ title, hint, icon, children }: EmptyStateProps) {
  return (
    <MantineEmptyState py={48}>
      {icon && <MantineEmptyState.Indicator>{icon}</MantineEmptyState.Indicator>}
      <Text fw={600}>{title}</Text>
      {hint && (
        <Text c="dimmed" size="sm" ta="center" maw={480}>
          {hint}
        </Text>
      )}
      {children && <Group justify="center">{children}</Group>}
    </MantineEmptyState>
  );
}

/** Rows in their final height, shown only when it takes longer than 150 ms. */
export function LoadingRows({ rows = 8, height = 20 }: { rows?: number; height?: number }) {
  const t = useText();
  const [visible, setVisible] = useState(false);
  useTimeout(() => setVisible(true), 150, { autoInvoke: true });
  if (!visible) {
    return null;
  }
  return (
    <Stack gap={12} role="status" aria-label={t("Loading")}>
      {Array.from({ length: rows }, (_, row) => `row-${row}`).map((key) => (
        <Skeleton key={key} height={height} radius="sm" />
      ))}
    </Stack>
  );
}

interface LoadMoreProps {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}

/** The end of a list that comes in pages. */
export function LoadMore({ hasNextPage, isFetchingNextPage, fetchNextPage }: LoadMoreProps) {
  const t = useText();
  if (!hasNextPage) {
    return null;
  }
  return (
    <Group justify="center" my="md">
      <Button variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
        {t("Load 50 more")}
      </Button>
    </Group>
  );
}
