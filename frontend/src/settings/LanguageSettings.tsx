import { Stack, Text } from "@mantine/core";
import { formatsFor, useFormats } from "@/i18n/formats";
import { languageNames, loadLanguage, useText } from "@/i18n/text";
import { setPreferences, usePreferences } from "@/preferences";
import { Choice } from "./Choice";

export function LanguageSettings() {
  const t = useText();
  const { language, zone } = usePreferences();
  const { exact } = useFormats();
  return (
    <Stack gap="xl">
      <Choice
        label={t("Language")}
        value={language}
        options={[
          ["en", languageNames.en],
          ["zh-Hans", languageNames["zh-Hans"]],
        ]}
        onChange={(chosen) => void loadLanguage(chosen).then(() => setPreferences({ language: chosen }))}
      />
      <Stack gap="xs">
        <Choice
          label={t("Times")}
          description={t("Links and exports always have UTC.")}
          value={zone}
          options={[
            ["local", t("Local time ({zone})", { zone: formatsFor({ language, zone: "local" }).zoneName })],
            ["utc", "UTC"],
          ]}
          onChange={(chosen) => setPreferences({ zone: chosen })}
        />
        <Text size="sm">{t("A time reads {example}.", { example: exact(new Date()) })}</Text>
      </Stack>
    </Stack>
  );
}
