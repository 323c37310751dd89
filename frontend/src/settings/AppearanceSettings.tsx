import { Stack, Text, useMantineColorScheme } from "@mantine/core";
import { useText } from "@/i18n/text";
import { setPreferences, usePreferences } from "@/preferences";
import { Choice } from "./Choice";

export function AppearanceSettings() {
  const t = useText();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { density } = usePreferences();
  return (
    <Stack gap="xl">
      <Text size="sm" c="dimmed">
        {t("These choices hold for this browser, and are saved at once.")}
      </Text>
      <Choice
        label={t("Theme")}
        value={colorScheme}
        options={[
          ["auto", t("As the system")],
          ["light", t("Light")],
          ["dark", t("Dark")],
        ]}
        onChange={setColorScheme}
      />
      <Choice
        label={t("Height of rows")}
        value={density}
        options={[
          ["compact", t("Compact")],
          ["normal", t("Normal")],
          ["roomy", t("Roomy")],
        ]}
        onChange={(chosen) => setPreferences({ density: chosen })}
      />
    </Stack>
  );
}
