import { Button, Code, Group, Stack, Text } from "@mantine/core";
import { useText } from "@/i18n/text";
import { endsWithNewline, type Paste, withoutLastNewline } from "./paste";
import classes from "./Terminals.module.css";

interface PasteDialogProps {
  paste: Paste;
  /** What to paste, or null for nothing. */
  decide: (text: string | null) => void;
}

const MOST_SHOWN = 5_000;

export function PasteDialog({ paste: { text, lines }, decide }: PasteDialogProps) {
  const t = useText();
  return (
    <Stack gap="md">
      <Text size="sm">
        {t(
          "{lines, plural, one {One line that ends with a newline: it runs at once.} other {# lines: each of them runs as it arrives.}}",
          {
            lines,
          },
        )}
      </Text>
      <Code block className={classes.paste ?? ""} tabIndex={0}>
        {text.slice(0, MOST_SHOWN)}
        {text.length > MOST_SHOWN && "…"}
      </Code>
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={() => decide(null)}>
          {t("Cancel")}
        </Button>
        {endsWithNewline(text) && (
          <Button variant="default" onClick={() => decide(withoutLastNewline(text))}>
            {t("Paste without the last newline")}
          </Button>
        )}
        <Button data-autofocus onClick={() => decide(text)}>
          {t("Paste")}
        </Button>
      </Group>
    </Stack>
  );
}
