import { Alert, Button, Checkbox, Code, CopyButton, Drawer, Group, Select, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { FormDrawer } from "@/admin/FormDrawer";
import { useSave } from "@/admin/requests";
import type { CreatedToken } from "@/api/types";
import { msg, useText } from "@/i18n/text";

const scopes: readonly [name: string, meaning: string][] = [
  ["read", msg("See hosts, and find and replay own sessions.")],
  ["connect", msg("Open terminals.")],
  ["audit", msg("Find, replay and export sessions of others, and read the audit log.")],
  ["terminate", msg("End sessions.")],
  ["metrics", msg("Read the metrics of this system.")],
];

const lifetimes = [7, 30, 90, 365];

export function TokenForm({ close }: { close: () => void }) {
  const t = useText();
  const [made, setMade] = useState("");
  const form = useForm({ initialValues: { name: "", scopes: ["read", "connect"], days: "30" } });
  const save = useSave<CreatedToken>("tokens/", (saved) => setMade(saved.token));
  if (made) {
    return <MadeToken token={made} close={close} />;
  }
  return (
    <FormDrawer
      title={t("New token")}
      submitLabel={t("Make token")}
      form={form}
      close={close}
      submit={() => {
        const { days, ...rest } = form.getValues();
        save.mutate({ body: { ...rest, days: Number(days) } });
      }}
      isSaving={save.isPending}
      error={save.error}
    >
      <TextInput
        label={t("Name")}
        description={t("What it is for, so that you know it again.")}
        data-autofocus
        required
        withAsterisk={false}
        {...form.getInputProps("name")}
      />
      <Checkbox.Group label={t("Scopes")} {...form.getInputProps("scopes")}>
        <Stack gap="xs" mt="xs">
          {scopes.map(([name, meaning]) => (
            <Checkbox key={name} value={name} label={<span className="mono">{name}</span>} description={t(meaning)} />
          ))}
        </Stack>
      </Checkbox.Group>
      <Select
        label={t("Valid for")}
        allowDeselect={false}
        data={lifetimes.map((days) => ({
          value: String(days),
          label: t("{days, plural, one {# day} other {# days}}", { days }),
        }))}
        {...form.getInputProps("days")}
      />
    </FormDrawer>
  );
}

function MadeToken({ token, close }: { token: string; close: () => void }) {
  const t = useText();
  const [isStored, setStored] = useState(false);
  return (
    <Drawer opened onClose={() => isStored && close()} title={t("Your token")} size="lg" withCloseButton={false}>
      <Stack gap="md">
        <Alert color="yellow" title={t("Store it now")}>
          {t("Nobody can show it again, this system keeps only a hash of it.")}
        </Alert>
        <Code block fz="sm">
          {token}
        </Code>
        <Group justify="space-between">
          <CopyButton value={token}>
            {({ copied, copy }) => (
              <Button variant="default" onClick={copy}>
                {copied ? t("Copied") : t("Copy token")}
              </Button>
            )}
          </CopyButton>
          <Checkbox
            label={t("I stored it")}
            checked={isStored}
            onChange={(event) => setStored(event.currentTarget.checked)}
          />
        </Group>
        <Group justify="flex-end">
          <Button disabled={!isStored} onClick={close}>
            {t("Done")}
          </Button>
        </Group>
      </Stack>
    </Drawer>
  );
}
