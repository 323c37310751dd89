import { Box, Input, NumberInput, Stack, Switch, TextInput, useComputedColorScheme } from "@mantine/core";
import { useText } from "@/i18n/text";
import { setTerminalPreferences, type TerminalPreferences, type TerminalTheme, usePreferences } from "@/preferences";
import { Choice } from "./Choice";

const smallest = 8;
const largest = 32;

export function TerminalSettings() {
  const t = useText();
  const { terminal } = usePreferences();
  const toggle = (name: "copyOnSelect" | "pasteGuard" | "altIsMeta" | "bell" | "screenReader") => ({
    checked: terminal[name],
    onChange: (event: React.ChangeEvent<HTMLInputElement>) =>
      setTerminalPreferences({ [name]: event.currentTarget.checked }),
  });
  return (
    <Stack gap="xl">
      <Choice
        label={t("Colours")}
        value={terminal.theme}
        options={[
          ["dark", t("Dark")],
          ["light", t("Light")],
          ["auto", t("As the page")],
          ["contrast", t("High contrast")],
        ]}
        onChange={(theme) => setTerminalPreferences({ theme })}
      />
      <NumberInput
        label={t("Font size")}
        w={120}
        min={smallest}
        max={largest}
        clampBehavior="strict"
        allowDecimal={false}
        value={terminal.fontSize}
        onChange={(size) => typeof size === "number" && size >= smallest && setTerminalPreferences({ fontSize: size })}
      />
      <TextInput
        label={t("Font")}
        description={t("A monospaced font of this computer; empty: the usual one.")}
        maw={360}
        value={terminal.fontFamily}
        onChange={(event) => setTerminalPreferences({ fontFamily: event.currentTarget.value })}
      />
      <Preview terminal={terminal} />
      <Switch label={t("Copy what is selected")} {...toggle("copyOnSelect")} />
      <Switch
        label={t("Ask before pasting several lines")}
        description={t("Shows the text first: each line may be a command.")}
        {...toggle("pasteGuard")}
      />
      <Switch label={t("Alt sends Meta")} {...toggle("altIsMeta")} />
      <Switch label={t("Show the bell")} {...toggle("bell")} />
      <Switch
        label={t("For screen readers")}
        description={t("Keeps a readable copy of the screen; it can slow the terminal down.")}
        {...toggle("screenReader")}
      />
    </Stack>
  );
}

const palettes: Record<
  Exclude<TerminalTheme, "auto">,
  { background: string; text: string; prompt: string; path: string }
> = {
  dark: { background: "#14171d", text: "#dce1e8", prompt: "#6bd08b", path: "#7eb0ff" },
  light: { background: "#fbfbfd", text: "#1f252e", prompt: "#1a6e37", path: "#1f57b8" },
  contrast: { background: "#000000", text: "#ffffff", prompt: "#93f5b0", path: "#a9cbff" },
};

function Preview({ terminal }: { terminal: TerminalPreferences }) {
  const t = useText();
  const scheme = useComputedColorScheme("light");
  const colors = palettes[terminal.theme === "auto" ? scheme : terminal.theme];
  return (
    <Stack gap={4}>
      <Input.Label component="div">{t("Preview")}</Input.Label>
      <Box
        component="pre"
        tabIndex={0}
        m={0}
        p="md"
        style={{
          overflowX: "auto",
          lineHeight: 1.2,
          fontSize: terminal.fontSize,
          fontFamily: terminal.fontFamily
            ? `"${terminal.fontFamily}", var(--mantine-font-family-monospace)`
            : "var(--mantine-font-family-monospace)",
          color: colors.text,
          background: colors.background,
          border: "1px solid var(--bastion-rule)",
          borderRadius: "var(--mantine-radius-sm)",
        }}
      >
        <span style={{ color: colors.prompt }}>deploy@web-01</span>:<span style={{ color: colors.path }}>~</span>$
        uptime
        {"\n 14:02:07 up 41 days,  3:12,  1 user,  load average: 0.08, 0.03, 0.01\n"}
      </Box>
    </Stack>
  );
}
